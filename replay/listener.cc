#include "replay/listener.h"

#include <cstdint>
#include <map>
#include <mutex>

#include "base/failpoint.h"
#include "base/this_thread.h"

namespace yardmaster::replay {
namespace {

/// Niceness of RocksDB's own threads: where processors are short, those that serve go first.
/// Flushes go before compactions, since writing waits for them when two write buffers are full.
constexpr int kFlushNiceness = 10, kCompactionNiceness = 15;

class Listener final : public rocksdb::EventListener {
 public:
  explicit Listener(BackgroundWork& work) : work_(work) {}

  void OnFlushBegin(rocksdb::DB*, const rocksdb::FlushJobInfo& job) override {
    begin(job.thread_id, kFlushNiceness);
    failpoint("store.flush");
  }
  void OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo& job) override {
    end(job.thread_id);
  }
  void OnTableFileCreated(const rocksdb::TableFileCreationInfo&) override {
    failpoint("store.table_written");
  }
  void OnCompactionBegin(rocksdb::DB*, const rocksdb::CompactionJobInfo& job) override {
    begin(job.thread_id, kCompactionNiceness);
    failpoint("store.compaction");
  }
  void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo& job) override {
    end(job.thread_id);
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }

 private:
  /// A job on the calling thread, which it makes so nice. Best effort.
  void begin(std::uint64_t thread, int niceness) {
    static_cast<void>(be_nice(niceness));
    const std::lock_guard lock(mutex_);
    jobs_.try_emplace(thread, work_);
  }
  void end(std::uint64_t thread) {
    const std::lock_guard lock(mutex_);
    jobs_.erase(thread);
  }

  BackgroundWork& work_;
  std::mutex mutex_;
  // A thread each. Of a job that fails RocksDB may not tell the end; it is that of the thread's
  // next, or of the database.
  std::map<std::uint64_t, BackgroundWork::Hold> jobs_;  // guarded by mutex_
};

}  // namespace

std::shared_ptr<rocksdb::EventListener> make_listener(BackgroundWork& work) {
  return std::make_shared<Listener>(work);
}

}  // namespace yardmaster::replay
