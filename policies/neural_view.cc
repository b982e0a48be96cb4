#include "policies/neural_view.h"

#include <algorithm>
#include <cmath>

#include "env/objective.h"
#include "policies/stages.h"

namespace yardmaster::policies {

namespace {

constexpr double kRewardBound = 10;
constexpr float kFeatureBound = 10;
constexpr double kPriorRows = 20;  // that draw an arm's mean quality to that of all

/// Of a weighed cost: 0 for none, .5 where the mean model's takes .05 of quality.
float squashed(double weighed) {
  const double value = std::max(0.0, weighed);
  return static_cast<float>(value / (value + 0.05));
}

}  // namespace

double bounded_reward(double reward) { return std::clamp(reward, -kRewardBound, kRewardBound); }

std::optional<std::size_t> NeuralView::arm(std::string_view model) const {
  const auto found = index.find(model);
  return found == index.end() ? std::nullopt : std::optional(found->second);
}

void NeuralView::write_features(std::span<const float> features, std::span<float> out) const {
  for (std::size_t i = 0; i < features.size(); ++i) {
    const auto scaled = static_cast<float>(feature_scale * static_cast<double>(features[i]));
    out[i] = std::clamp(scaled, -kFeatureBound, kFeatureBound);
  }
}

void NeuralView::write_inputs(std::span<const float> features, const ObjectiveWeights& weights,
                              const ArmAverages::Common& common, std::span<float> out) const {
  write_features(features, out);
  out[features.size()] = squashed(weights.cost * common.cost_usd);
  out[features.size() + 1] = squashed(weights.latency * common.latency_s);
}

double NeuralView::mean_reward(std::optional<std::size_t> arm_index,
                               const env::Candidate& candidate, const ObjectiveWeights& weights,
                               const ArmAverages::Common& common,
                               ArmAverages::Expected* parts) const {
  const ArmAverages::Expected expected =
      averages.expected(arm_index, candidate, kPriorRows, common);
  if (parts != nullptr) *parts = expected;
  return bounded_reward(
      env::reward(expected.quality, expected.cost_usd, expected.latency_s, weights));
}

Status NeuralView::check_features(std::span<const float> features) const {
  if (features.size() == dimension) return {};
  return fail(ErrorCode::invalid_argument, "features: " + std::to_string(features.size()) +
                                               " values where the policy expects " +
                                               std::to_string(dimension));
}

Status NeuralView::check(const env::Observation& observation, std::span<const double> probabilities,
                         std::span<const Score> scores) const {
  if (auto checked = check_observation(observation, probabilities, scores); !checked) {
    return checked;
  }
  return check_features(observation.features);
}

}  // namespace yardmaster::policies
