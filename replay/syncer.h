#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"
#include "replay/database.h"
#include "replay/health.h"

namespace yardmaster::replay {

/// One thread that syncs the write-ahead log while the writer goes on writing, and then completes
/// all that was written before the sync began. Any thread may call it.
class Syncer {
 public:
  using Completion = std::function<void(const Status&)>;

  Syncer(const Database& database, Health& health);

  /// Syncs what is left, completes it, and ends the thread.
  ~Syncer();

  /// Calls each completion once what is written now is on the disk, or with why it is not.
  void after_sync(std::vector<Completion> completions);

  /// Has what is written now synced soon, though nobody waits for it. A failure makes the store
  /// unwritable, as that of any sync.
  void sync_soon();

 private:
  void run();
  Status sync() const;

  const Database& database_;
  Health& health_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Completion> waiting_;
  bool wanted_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace yardmaster::replay
