#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/time.h"

namespace yardmaster::agent {

/// A limit per minute that allows bursts: full at first, refilled evenly, never above the limit. It
/// may go below zero where more was used than was asked for; then it is closed until that is paid
/// back, so the mean over time holds. Time comes in, and may step back. One thread.
class TokenBucket {
 public:
  explicit TokenBucket(double per_minute) : limit_(per_minute), level_(per_minute) {}

  double limit() const { return limit_; }
  double level(Timestamp now) {
    refill(now);
    return level_;
  }

  /// Whether that much is there. What exceeds the whole limit needs a full bucket.
  bool has(double amount, Timestamp now) { return level(now) >= std::min(amount, limit_); }

  /// Takes what is there, or nothing.
  bool take(double amount, Timestamp now) {
    if (!has(amount, now)) return false;
    level_ -= amount;
    return true;
  }

  /// Without asking: below zero the bucket is closed. Negative amounts are given back.
  void charge(double amount) { level_ = std::min(limit_, level_ - amount); }

  /// Time until take() of the amount succeeds, if nothing else is taken.
  std::chrono::microseconds until(double amount) const {
    const double missing = std::min(amount, limit_) - level_;
    if (missing <= 0) return std::chrono::microseconds(0);
    return std::chrono::microseconds(std::llround(std::ceil(missing / limit_ * kMinute_us)));
  }
  std::chrono::microseconds until_full() const { return until(limit_); }

  /// Another limit; the part of it that was used stays used.
  void resize(double per_minute) {
    level_ *= per_minute / limit_;
    limit_ = per_minute;
  }

 private:
  static constexpr double kMinute_us = 60e6;

  /// Threads read the clock, then take turns; what is further back is a clock that was set back.
  static constexpr std::chrono::seconds kThreadSkew{1};

  void refill(Timestamp now) {
    if (now > filled_at_) {
      const auto elapsed = static_cast<double>((now - filled_at_).count());
      level_ = std::min(limit_, level_ + limit_ * std::min(1e3, elapsed / kMinute_us));
    } else if (filled_at_ - now < kThreadSkew) {
      return;
    }
    filled_at_ = now;
  }

  double limit_;
  double level_;
  Timestamp filled_at_{};
};

}  // namespace yardmaster::agent
