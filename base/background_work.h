#pragma once

#include <atomic>

namespace yardmaster {

/// Whether threads nicer than those that serve have something to do: the learner, RocksDB's flushes
/// and compactions that have begun. Threads that poll would starve them where no processor is free,
/// so they sleep then (run_with_busy_poll). Any thread.
class BackgroundWork {
 public:
  /// There is some while this lives; `work` outlives it.
  class Hold {
   public:
    explicit Hold(BackgroundWork& work) : work_(work) {
      work_.holds_.fetch_add(1, std::memory_order_relaxed);
    }
    ~Hold() { work_.holds_.fetch_sub(1, std::memory_order_relaxed); }

    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    BackgroundWork& work_;
  };

  bool under_way() const { return holds_.load(std::memory_order_relaxed) > 0; }

 private:
  std::atomic<int> holds_{0};
};

}  // namespace yardmaster
