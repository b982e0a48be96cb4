#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "base/decision.h"
#include "base/training_row.h"
#include "env/model_pool.h"
#include "policies/policy.h"

namespace yardmaster::agent {

/// Compares the policy of a new encoder with the one that serves, on the rows that both can see and
/// before either learns them: what would a decision have brought, had the new one made it?
///
/// For each row the difference of the two doubly robust values (Dudik, Langford and Li 2011), with
/// pi' the new policy's probabilities, pi the serving one's, p the logged propensity of the model
/// chosen, r its reward, q the mean of what the two expect of a model:
///   sum over candidates of (pi' - pi) q + (pi' - pi)(chosen) / p * (r - q(chosen))
/// Where the two agree it is 0 whatever happened, so far fewer rows tell them apart than tell their
/// values. The newest `window` rows count. One thread.
class EncoderTrial {
 public:
  struct Figures {
    std::uint64_t rows = 0;  ///< compared, of the window
    double difference = 0;   ///< mean reward of the new policy minus the serving one's
    double lower_bound = 0;  ///< of it, one-sided, 95%
  };

  explicit EncoderTrial(std::size_t window) : window_(window) {}

  /// How far below 0 the lower bound may lie: equal policies must be able to pass.
  static constexpr double kMargin = 0.02;

  /// Counts the row, if its reward is known. `row` has the features that the serving policy sees,
  /// `successor_features` are those of the new one; `decision` is the row's.
  void compare(const TrainingRow& row, std::span<const float> successor_features,
               const Decision& decision, const env::ModelPool& pool,
               const policies::Policy& serving, const policies::Policy& successor);

  Figures figures() const;

  /// The window is full and the new policy is no worse, up to the margin, with 95% confidence.
  bool passed() const;

  /// The window's differences, oldest first, to be saved and restored.
  std::vector<double> differences() const { return {differences_.begin(), differences_.end()}; }
  void restore(std::span<const double> differences);

 private:
  std::size_t window_;
  std::deque<double> differences_;
};

}  // namespace yardmaster::agent
