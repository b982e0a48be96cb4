#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/keys/api_key.h"
#include "base/result.h"
#include "base/time.h"

namespace yardmaster::agent {

/// A key that was made at run time. One that is revoked stays in the file, so that who still sends
/// it is told.
struct MadeKey {
  ApiKey key;
  Timestamp created;
  std::optional<Timestamp> revoked;
};

/// keys.json in a data directory: the keys that were made at run time, with their secrets' hashes.
/// docs/replay-format.md describes it. Writers, in this process or another, take turns by a lock
/// beside the file, and replace it as a whole: readers need no lock. Any thread.
class KeyFile {
 public:
  explicit KeyFile(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const { return path_; }

  /// Which contents the file has, without reading them; nothing where there is no file.
  struct Stamp {
    std::uint64_t inode, size;
    std::int64_t modified_ns;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  std::optional<Stamp> stamp() const;

  /// No file is no keys. Fails with io, with corrupt, and with unsupported where a newer version
  /// wrote it.
  Result<std::vector<MadeKey>> read() const;

  /// Adds a key under a new secret, which is returned and kept nowhere; the directory is made where
  /// it is missing. Fails with conflict where a key of that name is not revoked, and as read().
  Result<std::string> add(ApiKey key, Timestamp now) const;

  /// Fails with not_found where no key of that name is left to revoke, and as read().
  Status revoke(std::string_view name, Timestamp now) const;

 private:
  Status write(const std::vector<MadeKey>& keys) const;

  std::filesystem::path path_;
};

}  // namespace yardmaster::agent
