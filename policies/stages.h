#pragma once

#include <memory>
#include <span>

#include "base/result.h"
#include "env/observation.h"
#include "policies/policy.h"

namespace yardmaster::policies {

/// The stage that says what to expect of each candidate. Immutable; any thread.
class Scorer {
 public:
  virtual ~Scorer() = default;

  /// Writes a score for each candidate, in their order. Without `full_deviation` quality_sd and
  /// reward_sd may be anything: choices do not need them. Fails with invalid_argument on input
  /// that is not finite or has the wrong size.
  virtual Status score(const env::Observation& observation, bool full_deviation,
                       std::span<Score> scores) const = 0;
};

/// The stage that turns scores into a distribution. Immutable; any thread.
class Chooser {
 public:
  virtual ~Chooser() = default;

  /// Writes non-negative probabilities that sum to 1 to within rounding. Without a scorer all
  /// scores are 0.
  virtual void choose(const env::Observation& observation, std::span<const Score> scores,
                      std::span<double> probabilities) const = 0;
};

/// A policy of stages: scorer (may be null), chooser, exploration floor.
class StagedPolicy final : public Policy {
 public:
  StagedPolicy(std::shared_ptr<const Scorer> scorer, std::shared_ptr<const Chooser> chooser,
               double exploration_floor);

  Status distribution(const env::Observation& observation, std::span<double> probabilities,
                      std::span<Score> scores) const override;
  Status explain(const env::Observation& observation, std::span<double> probabilities,
                 std::span<Score> scores) const override;
  bool has_expectations() const override { return scorer_ != nullptr; }

 private:
  Status decide(const env::Observation& observation, bool full_deviation,
                std::span<double> probabilities, std::span<Score> scores) const;

  std::shared_ptr<const Scorer> scorer_;
  std::shared_ptr<const Chooser> chooser_;
  double exploration_floor_;
};

/// What every policy demands: at least one candidate, a probability (and a score, or none) for
/// each, prices, estimates, features and weights that are finite. Fails with invalid_argument.
Status check_observation(const env::Observation& observation, std::span<const double> probabilities,
                         std::span<const Score> scores);

/// Gives each of the K probabilities at least floor / K and makes them sum to 1: they are
/// normalised, then mixed with the uniform distribution.
void mix_floor(double floor, std::span<double> probabilities);

/// Puts all probability on the highest values, evenly where several are equal.
void choose_highest(std::span<const double> values, std::span<double> probabilities);

}  // namespace yardmaster::policies
