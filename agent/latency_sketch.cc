#include "agent/latency_sketch.h"

#include <algorithm>
#include <cmath>

namespace yardmaster::agent {
namespace {

constexpr double kShortest_s = 0.001;
constexpr double kGrowth = 13.0 / 12;
constexpr double kHalfLife = 200;    // durations
constexpr double kMostWeight = 1e9;  // beyond it all are scaled down, long before it is inexact

}  // namespace

std::size_t LatencySketch::bucket_of(double seconds) {
  if (!(seconds > kShortest_s)) return 0;
  const double place = std::log(seconds / kShortest_s) / std::log(kGrowth);
  return std::min(static_cast<std::size_t>(place), kBuckets - 1);
}

void LatencySketch::add(double seconds) {
  const std::lock_guard lock(mutex_);
  weights_[bucket_of(seconds)] += weight_;
  total_ += weight_;
  ++count_;
  weight_ *= std::exp2(1 / kHalfLife);
  if (weight_ > kMostWeight) shrink();
}

void LatencySketch::shrink() {
  total_ = 0;
  for (double& each : weights_) {
    each /= weight_;
    total_ += each;
  }
  weight_ = 1;
}

std::uint64_t LatencySketch::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

std::optional<double> LatencySketch::quantile(double quantile) const {
  const std::lock_guard lock(mutex_);
  if (count_ == 0) return std::nullopt;
  double left = quantile * total_;
  std::size_t bucket = 0;
  while (bucket + 1 < kBuckets && left > weights_[bucket]) left -= weights_[bucket++];
  // Within the bucket as if its durations were spread evenly.
  const double inside = weights_[bucket] > 0 ? std::min(1.0, left / weights_[bucket]) : 1.0;
  return kShortest_s * std::pow(kGrowth, static_cast<double>(bucket) + inside);
}

}  // namespace yardmaster::agent
