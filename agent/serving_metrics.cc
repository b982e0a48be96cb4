#include "agent/serving_metrics.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace yardmaster::agent {

void DurationHistogram::record_us(double microseconds) {
  const auto whole = static_cast<std::uint64_t>(std::max(0.0, std::ceil(microseconds)));
  // Bucket b holds durations up to 2^b us.
  const std::size_t bucket = whole <= 1 ? 0 : static_cast<std::size_t>(std::bit_width(whole - 1));
  buckets_[std::min(bucket, kBuckets - 1)].add();
  sum_us_.add(whole);
}

double DurationHistogram::upper_bound_s(std::size_t bucket) {
  return std::ldexp(1e-6, static_cast<int>(bucket));
}

}  // namespace yardmaster::agent
