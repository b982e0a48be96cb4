#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/training_row.h"
#include "policies/dense_tensor.h"

namespace yardmaster::policies {

/// One outcome of one row, as networks learn it again and again.
struct WindowSample {
  std::uint64_t sequence = 0;           ///< of the row
  std::uint64_t decision_sequence = 0;  ///< of its decision
  std::size_t arm = 0;
  double propensity = 1;  ///< in (0, 1]; 1 / n for each of n outcomes known of one query
  double share = 1;       ///< of the sample in a loss: 1 / n likewise
  double price_reference = 0;
  double quality = 0;
  std::optional<double> cost_usd;
  std::optional<double> latency_s;
  ObjectiveWeights weights;
  std::vector<float> features;
};

/// The newest samples with a known quality, bounded in number: what a network is trained on, kept
/// in the learner's state. A sample is there once, whatever is learned from it. Not thread-safe.
class RowWindow {
 public:
  RowWindow(std::size_t capacity, std::size_t dimension)
      : capacity_(capacity), dimension_(dimension) {}

  const std::deque<WindowSample>& samples() const { return samples_; }

  /// Appends the row's outcomes that have a quality; `arm_of` has their arms. A correction changes
  /// the sample of its decision and model where that is still there, and is appended where not.
  void add(const TrainingRow& row, const std::vector<std::size_t>& arm_of);

  /// Drops the arm's samples and renumbers those of later arms.
  void remove_arm(std::size_t arm);

  /// The samples under names that begin with `window`.
  void put(TensorArchive& archive) const;
  /// Fails with corrupt, and leaves the samples as they were.
  Status take(const TensorArchive& archive, std::size_t arms);

 private:
  WindowSample* find(std::uint64_t decision_sequence, std::size_t arm);

  std::size_t capacity_;
  std::size_t dimension_;
  std::deque<WindowSample> samples_;
};

}  // namespace yardmaster::policies
