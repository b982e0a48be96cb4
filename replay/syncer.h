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

  /// Calls each completion, if there are any, once what is written now is on the disk, or with why
  /// it is not; then the store is unwritable.
  void after_sync(std::vector<Completion> completions);

 private:
  void run();
  Status sync() const;

  const Database& database_;
  Health& health_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Completion> waiting_;
  bool wanted_ = false;  ///< a sync, by those who wait or for nobody
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace yardmaster::replay
