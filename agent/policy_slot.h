#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "policies/policy.h"

namespace yardmaster::agent {

/// A policy and the number of training rows that it has learned.
struct PublishedPolicy {
  std::shared_ptr<const policies::Policy> policy;  ///< nullptr: none is valid, serve the baseline
  std::uint64_t version = 0;
  bool successor = false;  ///< it decides on the features of the router's successor encoder
};

/// Where the learner publishes a router's policy and io threads read it. Publishing swaps a
/// pointer; reading costs one atomic load as long as nothing new was published, because each
/// reader keeps the policy it last saw.
class PolicySlot {
 public:
  explicit PolicySlot(PublishedPolicy first) : current_(std::move(first)) {}

  /// Any thread.
  void publish(PublishedPolicy next) {
    const std::lock_guard lock(mutex_);
    current_ = std::move(next);
    generation_.fetch_add(1, std::memory_order_release);
  }

  /// One reader a thread.
  class Reader {
   public:
    explicit Reader(const PolicySlot& slot) : slot_(&slot) {}

    /// The newest policy; valid until the next call.
    const PublishedPolicy& current() {
      const std::uint64_t generation = slot_->generation_.load(std::memory_order_acquire);
      if (generation != seen_) {
        const std::lock_guard lock(slot_->mutex_);
        current_ = slot_->current_;
        seen_ = slot_->generation_.load(std::memory_order_relaxed);
      }
      return current_;
    }

   private:
    const PolicySlot* slot_;
    PublishedPolicy current_;
    std::uint64_t seen_ = 0;
  };

 private:
  mutable std::mutex mutex_;
  PublishedPolicy current_;                    // guarded by mutex_
  std::atomic<std::uint64_t> generation_ = 1;  // readers start at 0: they take the first one
};

}  // namespace yardmaster::agent
