#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

namespace yardmaster::agent {

/// A value that one thread replaces now and then and io threads read all the time. Reading costs
/// one atomic load as long as nothing new was published, because each reader keeps the value that
/// it last saw.
template <class T>
class Published {
 public:
  explicit Published(T first) : current_(std::move(first)) {}

  /// Any thread.
  void publish(T next) {
    const std::lock_guard lock(mutex_);
    current_ = std::move(next);
    generation_.fetch_add(1, std::memory_order_release);
  }

  /// One reader a thread.
  class Reader {
   public:
    explicit Reader(const Published& slot) : slot_(&slot) {}

    /// The newest value; valid until the next call.
    const T& current() {
      const std::uint64_t generation = slot_->generation_.load(std::memory_order_acquire);
      if (generation != seen_) {
        const std::lock_guard lock(slot_->mutex_);
        current_ = slot_->current_;
        seen_ = slot_->generation_.load(std::memory_order_relaxed);
      }
      return current_;
    }

   private:
    const Published* slot_;
    T current_{};
    std::uint64_t seen_ = 0;
  };

 private:
  mutable std::mutex mutex_;
  T current_;                                  // guarded by mutex_
  std::atomic<std::uint64_t> generation_ = 1;  // readers start at 0: they take the first one
};

}  // namespace yardmaster::agent
