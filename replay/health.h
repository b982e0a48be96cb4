#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <utility>

namespace yardmaster::replay {

/// Whether the store can write, and if not, why. Any thread.
class Health {
 public:
  bool writable() const { return writable_.load(std::memory_order_acquire); }

  void set_failed(std::string why) {
    note(std::move(why));
    writable_.store(false, std::memory_order_release);
  }

  /// An error that does not keep the store from writing.
  void note(std::string what) {
    const std::lock_guard lock(mutex_);
    last_error_ = std::move(what);
  }

  /// The last error stays to be read.
  void set_writable() { writable_.store(true, std::memory_order_release); }

  std::string last_error() const {
    const std::lock_guard lock(mutex_);
    return last_error_;
  }

 private:
  mutable std::mutex mutex_;
  std::atomic<bool> writable_{true};
  std::string last_error_;
};

}  // namespace yardmaster::replay
