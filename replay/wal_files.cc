#include "replay/wal_files.h"

#include <algorithm>
#include <utility>

namespace yardmaster::replay {

/// One write-ahead log. RocksDB writes it from one thread at a time.
class WalFiles::Log final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  Log(std::unique_ptr<rocksdb::FSWritableFile> file, std::shared_ptr<Logs> logs)
      : FSWritableFileOwnerWrapper(std::move(file)), logs_(std::move(logs)) {
    const std::lock_guard lock(logs_->mutex);
    logs_->open.push_back(this);
  }

  ~Log() override { leave(); }

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* context) override {
    const auto status = FSWritableFileOwnerWrapper::Append(data, options, context);
    unsynced_.store(true, std::memory_order_release);
    return status;
  }

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& verification,
                           rocksdb::IODebugContext* context) override {
    const auto status = FSWritableFileOwnerWrapper::Append(data, options, verification, context);
    unsynced_.store(true, std::memory_order_release);
    return status;
  }

  rocksdb::IOStatus Close(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* context) override {
    // RocksDB closes a log when its records are in tables, or when the database is closed, which
    // syncs before. So nothing here waits for a sync any more.
    leave();
    return FSWritableFileOwnerWrapper::Close(options, context);
  }

  /// Under the lock of the logs. Once it fails it fails until the log is closed: the kernel tells
  /// of a failure once, and the next sync succeeds though the bytes are lost.
  rocksdb::IOStatus sync_if_needed() {
    if (!sync_failure_.ok()) return sync_failure_;
    if (!unsynced_.exchange(false, std::memory_order_acq_rel)) return rocksdb::IOStatus::OK();
    sync_failure_ = FSWritableFileOwnerWrapper::Sync(rocksdb::IOOptions(), nullptr);
    return sync_failure_;
  }

 private:
  void leave() {
    const std::lock_guard lock(logs_->mutex);
    std::erase(logs_->open, this);
  }

  std::shared_ptr<Logs> logs_;
  std::atomic<bool> unsynced_{false};
  rocksdb::IOStatus sync_failure_;  // guarded by the lock of the logs
};

rocksdb::IOStatus WalFiles::NewWritableFile(const std::string& name,
                                            const rocksdb::FileOptions& options,
                                            std::unique_ptr<rocksdb::FSWritableFile>* file,
                                            rocksdb::IODebugContext* context) {
  const bool log = is_log(name);
  // A power cut may take from the older logs nothing that the new one's records build on.
  if (log) {
    if (const auto synced = sync(); !synced.ok()) return synced;
  }
  const auto status = target()->NewWritableFile(name, options, file, context);
  if (status.ok() && name.ends_with(".sst")) note_table(name);
  if (!status.ok() || !log) return status;
  *file = std::make_unique<Log>(std::move(*file), logs_);
  const std::lock_guard lock(logs_->mutex);
  logs_->directory_unsynced = true;
  return status;
}

bool WalFiles::is_log(std::string_view name) const {
  return name.ends_with(".log") && name.starts_with(directory_) &&
         name.find_last_of('/') == directory_.size();
}

rocksdb::IOStatus WalFiles::DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                                       rocksdb::IODebugContext* context) {
  if (hold_removal(name)) return rocksdb::IOStatus::OK();
  if (is_log(name)) {
    std::vector<std::string> names;
    const auto listed = target()->GetChildren(directory_, options, &names, context);
    if (!listed.ok()) return listed;
    // Numbers of one width, so the order of the names is that of the logs; an older one that cannot
    // be removed keeps this one.
    std::sort(names.begin(), names.end());
    const std::string own = name.substr(directory_.size() + 1);
    for (const std::string& each : names) {
      if (!each.ends_with(".log") || each.size() != own.size() || each >= own) continue;
      const auto removed = target()->DeleteFile(directory_ + "/" + each, options, context);
      if (!removed.ok() && !removed.IsNotFound() && !removed.IsPathNotFound()) return removed;
    }
  }
  return target()->DeleteFile(name, options, context);
}

bool WalFiles::hold_removal(const std::string& name) {
  if (!is_log(name) && !name.ends_with(".sst") && !name.starts_with(directory_ + "/MANIFEST-")) {
    return false;
  }
  const std::lock_guard lock(removals_mutex_);
  const bool is_new = std::find(new_tables_.begin(), new_tables_.end(), name) != new_tables_.end();
  if (!removals_held_ || is_new) return false;
  held_.push_back(name);
  return true;
}

void WalFiles::note_table(const std::string& name) {
  const std::lock_guard lock(removals_mutex_);
  if (removals_held_) new_tables_.push_back(name);
}

void WalFiles::hold_removals() {
  const std::lock_guard lock(removals_mutex_);
  removals_held_ = true;
}

void WalFiles::remove_held() {
  std::vector<std::string> names;
  {
    const std::lock_guard lock(removals_mutex_);
    removals_held_ = false;
    names.swap(held_);
    new_tables_.clear();
  }
  // What cannot be removed RocksDB tries again at the next opening.
  for (const std::string& name : names) {
    DeleteFile(name, rocksdb::IOOptions(), nullptr).PermitUncheckedError();
  }
}

rocksdb::IOStatus WalFiles::sync() {
  const std::lock_guard lock(logs_->mutex);
  for (Log* log : logs_->open) {
    const auto status = log->sync_if_needed();
    if (!status.ok()) return status;
  }
  if (!logs_->directory_unsynced) return rocksdb::IOStatus::OK();
  std::unique_ptr<rocksdb::FSDirectory> directory;
  auto status = target()->NewDirectory(directory_, rocksdb::IOOptions(), &directory, nullptr);
  if (status.ok()) status = directory->Fsync(rocksdb::IOOptions(), nullptr);
  if (status.ok()) logs_->directory_unsynced = false;
  return status;
}

}  // namespace yardmaster::replay
