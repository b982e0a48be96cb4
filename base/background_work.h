#pragma once

#include <atomic>

namespace yardmaster {

/// Says, while it lives, that a thread nicer than those that serve has work, at hand or waiting:
/// the learner, RocksDB's flushes and compactions. Threads that poll would starve it where no
/// processor is free, so they sleep then (run_with_busy_poll). Any thread.
class BackgroundWork {
 public:
  BackgroundWork() { count_.fetch_add(1, std::memory_order_relaxed); }
  ~BackgroundWork() { count_.fetch_sub(1, std::memory_order_relaxed); }

  BackgroundWork(const BackgroundWork&) = delete;
  BackgroundWork& operator=(const BackgroundWork&) = delete;

  /// Whether there is any in this process.
  static bool under_way() { return count_.load(std::memory_order_relaxed) > 0; }

 private:
  static inline std::atomic<int> count_{0};
};

}  // namespace yardmaster
