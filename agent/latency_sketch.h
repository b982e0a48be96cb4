#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

namespace yardmaster::agent {

/// Quantiles of recent durations: counts in buckets that grow by a twelfth, from 1 ms to more than
/// an hour, so that a quantile is off by less than 9%. A duration counts half after 200 later ones.
/// 1.6 KB, whatever is added. Thread-safe: one short lock a call.
class LatencySketch {
 public:
  void add(double seconds);

  std::uint64_t count() const;  ///< of all that were ever added

  /// In seconds, for a quantile between 0 and 1; nothing while there is nothing.
  std::optional<double> quantile(double quantile) const;

 private:
  static constexpr std::size_t kBuckets = 190;

  static std::size_t bucket_of(double seconds);
  void shrink();

  mutable std::mutex mutex_;
  std::array<double, kBuckets> weights_{};
  double total_ = 0;   ///< of weights_
  double weight_ = 1;  ///< of the next duration: it grows in place of the others' fading
  std::uint64_t count_ = 0;
};

}  // namespace yardmaster::agent
