#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "policies/policy.h"

namespace yardmaster::agent {

/// A learner's state on disk.
struct SnapshotInfo {
  std::filesystem::path path;
  std::uint64_t version = 0;  ///< training rows learned
};

/// What loading found.
struct LoadedSnapshot {
  std::uint64_t version = 0;         ///< 0: no snapshot was usable, the learner is as it was
  std::vector<std::string> refused;  ///< one sentence a snapshot that could not be used
};

/// The snapshots of one router, in files of their own: DIRECTORY/ROUTER-VERSION.snapshot. Each
/// file carries a format version, the fingerprint of what made it (policy, options, encoder), and
/// a checksum; docs/replay-format.md has the layout. A file is written beside its final name,
/// synced, then renamed, so a crash leaves the older ones as they were. One thread.
class Snapshots {
 public:
  /// `fingerprint` names everything that a state depends on besides the rows: a snapshot of
  /// another fingerprint is never loaded.
  Snapshots(std::filesystem::path directory, std::string router, std::string fingerprint,
            std::size_t keep);

  /// Writes the learner's state and removes all but the newest `keep` of this fingerprint.
  /// Fails with io when the disk refuses; older snapshots then stay.
  Status save(const policies::Learner& learner, std::uint64_t version);

  /// Those of the same state by another router's name.
  Snapshots of(std::string router) const;

  /// Removes every file by this name, of whatever fingerprint.
  void remove_all();

  /// Loads the newest good snapshot whose version is at most `newest_row`; a state that has
  /// learned rows that the store does not have (after a power cut, or an older backup) must never
  /// serve, so its file is renamed to .refused. Damaged ones are passed over. Each gets a sentence
  /// in `refused`.
  LoadedSnapshot load_newest(policies::Learner& learner, std::uint64_t newest_row) const;

  /// Keeps a copy of the snapshot of that version as DIRECTORY/ROUTER.pinned, past the removal of
  /// old ones. Fails with not_found where there is none of that version, and as save().
  Status pin(std::uint64_t version);

  /// Loads the pinned state. Returns its version; nothing: none is pinned. Fails with corrupt, io
  /// or unsupported where the file cannot be used, with conflict where it has learned rows beyond
  /// `newest_row`, and as Learner::load().
  Result<std::optional<std::uint64_t>> load_pinned(policies::Learner& learner,
                                                   std::uint64_t newest_row) const;

  void unpin();

  /// Newest first, of this fingerprint. Unreadable files are left out.
  std::vector<SnapshotInfo> list() const;

  /// The version of the oldest kept one; 0 if there is none.
  std::uint64_t oldest_version() const;

 private:
  std::vector<SnapshotInfo> files_of_router() const;
  std::filesystem::path pinned_file() const;

  std::filesystem::path directory_;
  std::string router_;
  std::string fingerprint_;
  std::size_t keep_;
};

}  // namespace yardmaster::agent
