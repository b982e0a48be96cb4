#include "agent/encoder_trial.h"

#include <algorithm>
#include <cmath>

#include "env/objective.h"
#include "env/observation.h"

namespace yardmaster::agent {
namespace {

/// A weight beyond this tells of one row only; what it leaves out, q stands in for.
constexpr double kLargestWeight = 20;
constexpr double kNormalQuantile = 1.645;  // one-sided, 95%

/// What a policy makes of a decision's candidates.
struct Opinion {
  std::vector<double> probabilities;
  std::vector<policies::Score> scores;
};

std::optional<Opinion> ask(const policies::Policy& policy, const env::Observation& observation) {
  Opinion out;
  out.probabilities.resize(observation.candidates.size());
  out.scores.resize(observation.candidates.size());
  if (!policy.distribution(observation, out.probabilities, out.scores)) return std::nullopt;
  return out;
}

}  // namespace

void EncoderTrial::compare(const TrainingRow& row, std::span<const float> successor_features,
                           const Decision& decision, const env::ModelPool& pool,
                           const policies::Policy& serving, const policies::Policy& successor) {
  if (window_ == 0 || row.outcomes.size() != 1 || row.replaces) return;
  const std::optional<double> reward = env::reward(row.outcomes[0], row.weights);
  const double propensity = decision.propensity();
  if (!reward || !(propensity > 0)) return;
  const std::vector<env::Candidate> candidates = env::candidates_of(decision, pool);
  env::Observation observation{row.features.values, candidates, row.weights, row.decision_sequence};
  const auto now = ask(serving, observation);
  observation.features = successor_features;
  const auto next = ask(successor, observation);
  if (!now || !next) return;

  const auto expected = [&](std::size_t i) {
    return (now->scores[i].reward + next->scores[i].reward) / 2;
  };
  const auto shift = [&](std::size_t i) { return next->probabilities[i] - now->probabilities[i]; };
  double difference = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) difference += shift(i) * expected(i);
  const double weight =
      std::clamp(shift(decision.chosen) / propensity, -kLargestWeight, kLargestWeight);
  difference += weight * (*reward - expected(decision.chosen));
  if (!std::isfinite(difference)) return;
  differences_.push_back(difference);
  if (differences_.size() > window_) differences_.pop_front();
}

EncoderTrial::Figures EncoderTrial::figures() const {
  Figures out;
  out.rows = differences_.size();
  if (differences_.size() < 2) return out;
  const auto count = static_cast<double>(differences_.size());
  for (const double difference : differences_) out.difference += difference / count;
  double squares = 0;
  for (const double difference : differences_) {
    squares += (difference - out.difference) * (difference - out.difference);
  }
  out.lower_bound = out.difference - kNormalQuantile * std::sqrt(squares / (count - 1) / count);
  return out;
}

bool EncoderTrial::passed() const {
  return differences_.size() >= window_ && (window_ == 0 || figures().lower_bound >= -kMargin);
}

void EncoderTrial::restore(std::span<const double> differences) {
  if (differences.size() > window_) differences = differences.last(window_);
  differences_.assign(differences.begin(), differences.end());
}

}  // namespace yardmaster::agent
