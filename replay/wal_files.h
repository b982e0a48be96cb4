#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace yardmaster::replay {

/// A file system that knows the write-ahead logs which RocksDB writes through it, syncs them beside
/// the writer, and keeps what RocksDB would remove until the store is known to be whole. RocksDB's
/// own SyncWAL() would do, but 7.8 may only call it on a log in which no write has failed (an
/// assertion in Debian's build), and a write can fail at any moment. Any thread.
class WalFiles final : public rocksdb::FileSystemWrapper {
 public:
  /// `directory` as RocksDB is given it; a backup's copies of logs are elsewhere.
  WalFiles(const std::shared_ptr<rocksdb::FileSystem>& target, std::string directory)
      : rocksdb::FileSystemWrapper(target),
        directory_(std::move(directory)),
        logs_(std::make_shared<Logs>()) {}

  const char* Name() const override { return "YardmasterWalFiles"; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override;

  /// With a log the older ones go first: RocksDB removes the newest first, and a crash in between
  /// would leave a hole among them. It only removes those whose records are all in tables, and then
  /// all older ones are so too.
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override;

  /// Puts on the disk all that was written to the logs before the call.
  rocksdb::IOStatus sync();

  /// From now on tables, logs and manifests that RocksDB removes stay, until remove_held(), but for
  /// tables that are made meanwhile. Opening removes all that a manifest does not name, which may
  /// have lost its end.
  void hold_removals();
  void remove_held();

 private:
  class Log;

  bool is_log(std::string_view name) const;
  bool hold_removal(const std::string& name);
  void note_table(const std::string& name);

  /// The logs that are open. Its lock is held during a sync, so that no log is closed under it;
  /// writes do not take it.
  struct Logs {
    std::mutex mutex;
    std::vector<Log*> open;  ///< oldest first, so that no record is on the disk before an older one
    bool directory_unsynced = false;  ///< it has a new log, whose entry is not on the disk yet
  };

  std::string directory_;
  std::shared_ptr<Logs> logs_;

  std::mutex removals_mutex_;
  bool removals_held_ = false;           // guarded by removals_mutex_
  std::vector<std::string> held_;        // in the order in which they were to go; the same
  std::vector<std::string> new_tables_;  // made since hold_removals(); the same
};

}  // namespace yardmaster::replay
