#pragma once

#include <filesystem>

namespace yardmaster::agent {

/// What lies where in the config's data_dir. A backup has the same layout, so it can serve as a
/// data_dir.
struct DataDirectory {
  std::filesystem::path root;

  std::filesystem::path store() const { return root / "store"; }          ///< RocksDB
  std::filesystem::path snapshots() const { return root / "snapshots"; }  ///< learners' states
  std::filesystem::path keys() const { return root / "keys.json"; }       ///< made at run time
  std::filesystem::path conversation_secret() const { return root / "conversations.secret"; }
  std::filesystem::path backups() const { return root / "backups"; }
};

}  // namespace yardmaster::agent
