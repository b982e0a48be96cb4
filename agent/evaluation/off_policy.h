#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace yardmaster::agent {

/// What one answer came to, or is expected to come to.
struct Worth {
  double reward = 0;
  double quality = 0;
  double cost_usd = 0;
};

/// One logged decision, seen by a policy that would have decided otherwise. Spans have one entry a
/// candidate.
struct OffPolicySample {
  std::span<const double> target;      ///< the evaluated policy's probabilities
  std::span<const double> propensity;  ///< the logged ones
  std::span<const Worth> expected;     ///< by a model that has not seen this decision
  std::size_t chosen = 0;              ///< index of the logged choice; its propensity is above 0
  Worth seen;                          ///< what came of it
};

/// A mean and half of its 95% interval.
struct Interval {
  double mean = 0;
  double half = 0;
};

/// Estimates what a policy would have got from decisions that another one made and logged with its
/// propensities. The main estimate is doubly robust (Dudik, Langford and Li 2011): the expected
/// worth under the policy's probabilities, corrected by target / propensity times what the seen
/// worth differs from the expected. It is unbiased whatever the expectations, as long as each
/// model that the policy would choose was chosen with a probability above 0, and less noisy the
/// better they are. Where policy and expectations learn from earlier decisions only, the terms are
/// a martingale's, and their spread gives the interval. Not thread-safe.
class OffPolicyEstimate {
 public:
  void add(const OffPolicySample& sample);

  std::size_t decisions() const { return rewards_.size(); }

  Interval reward() const;
  Interval gain() const;          ///< of reward over the logged choices, paired
  Interval quality_gain() const;  ///< the same of quality
  Interval cost_gain() const;     ///< the same of cost, USD: below 0 is a saving
  double last_quarter_reward() const;
  double quality() const;
  double cost_usd() const;

  /// Inverse propensity scoring and its self-normalised form, which expect nothing of models.
  double ips_reward() const;
  double snips_reward() const;

  /// Kish's effective number of decisions: (sum of weights)^2 / sum of squared weights.
  double effective_decisions() const;

  /// Share of the policy's choices that the log gave a probability of 0: of them only the
  /// expectations speak.
  double unsupported_share() const;

 private:
  double mean(double sum) const;

  std::vector<double> rewards_, gains_, quality_gains_, cost_gains_;  ///< a term a decision
  double quality_ = 0, cost_usd_ = 0, unsupported_ = 0;
  double weights_ = 0, squared_weights_ = 0, weighted_rewards_ = 0;
};

}  // namespace yardmaster::agent
