#include "policies/ppo_policy.h"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cmath>

#include "env/objective.h"
#include "policies/stages.h"

namespace yardmaster::policies {

namespace {

constexpr double kRewardBound = 10;
constexpr float kFeatureBound = 10;
// Rows that draw an arm's mean quality to that of all.
constexpr double kPriorRows = 20;
constexpr double kPriorSlope = 20;

using FloatVector = boost::container::small_vector<float, 256>;

/// Of a weighed cost: 0 for none, .5 where the mean model's takes .05 of quality.
float squashed(double weighed) {
  const double value = std::max(0.0, weighed);
  return static_cast<float>(value / (value + 0.05));
}

class PpoPolicy final : public Policy {
 public:
  explicit PpoPolicy(const PpoView& view) : view_(view) {}

  Status distribution(const env::Observation& observation, std::span<double> probabilities,
                      std::span<Score> scores) const override {
    if (auto checked = check_observation(observation, probabilities, scores); !checked) {
      return checked;
    }
    if (observation.features.size() != view_.dimension) {
      return fail(ErrorCode::invalid_argument,
                  "features: " + std::to_string(observation.features.size()) +
                      " values where the policy expects " + std::to_string(view_.dimension));
    }
    const ArmAverages::Common common = view_.averages.common();
    FloatVector inputs(view_.inputs()), outputs(view_.actor.outputs());
    const std::span<float> in(inputs.data(), inputs.size()), out(outputs.data(), outputs.size());
    view_.write_inputs(observation.features, observation.weights, common, in);
    if (!out.empty()) view_.actor.forward(in, out);
    double highest = -INFINITY;
    for (std::size_t i = 0; i < probabilities.size(); ++i) {
      const env::Candidate& candidate = observation.candidates[i];
      const auto arm = view_.arm(candidate.model);
      probabilities[i] =
          ppo_prior_slope() * view_.mean_reward(arm, candidate, observation.weights, common) +
          (arm ? static_cast<double>(out[*arm]) : 0);
      highest = std::max(highest, probabilities[i]);
    }
    for (double& p : probabilities) p = std::exp(p - highest);
    mix_floor(view_.exploration_floor, probabilities);
    if (!scores.empty()) score(observation, common, in, out, scores);
    return {};
  }

 private:
  void score(const env::Observation& observation, const ArmAverages::Common& common,
             std::span<const float> in, std::span<float> out, std::span<Score> scores) const {
    if (!out.empty()) view_.critic.forward(in, out);
    const ObjectiveWeights& weights = observation.weights;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const env::Candidate& candidate = observation.candidates[i];
      const auto arm = view_.arm(candidate.model);
      ArmAverages::Expected parts;
      Score& score = scores[i];
      score = {};
      score.reward = view_.mean_reward(arm, candidate, weights, common, &parts) +
                     (arm ? static_cast<double>(out[*arm]) : 0);
      score.cost_usd = parts.cost_usd;
      score.latency_s = parts.latency_s;
      score.quality = score.reward - env::reward(0, parts.cost_usd, parts.latency_s, weights);
    }
  }

  const PpoView& view_;
};

class PpoSnapshot final : public Policy {
 public:
  explicit PpoSnapshot(const PpoView& view) : view_(view), policy_(view_) {}

  Status distribution(const env::Observation& observation, std::span<double> probabilities,
                      std::span<Score> scores) const override {
    return policy_.distribution(observation, probabilities, scores);
  }

 private:
  PpoView view_;
  PpoPolicy policy_;
};

}  // namespace

double ppo_prior_slope() { return kPriorSlope; }

double bounded_reward(double reward) { return std::clamp(reward, -kRewardBound, kRewardBound); }

void PpoView::write_inputs(std::span<const float> features, const ObjectiveWeights& weights,
                           const ArmAverages::Common& common, std::span<float> out) const {
  for (std::size_t i = 0; i < features.size(); ++i) {
    const auto scaled = static_cast<float>(feature_scale * static_cast<double>(features[i]));
    out[i] = std::clamp(scaled, -kFeatureBound, kFeatureBound);
  }
  out[features.size()] = squashed(weights.cost * common.cost_usd);
  out[features.size() + 1] = squashed(weights.latency * common.latency_s);
}

double PpoView::mean_reward(std::optional<std::size_t> arm_index, const env::Candidate& candidate,
                            const ObjectiveWeights& weights, const ArmAverages::Common& common,
                            ArmAverages::Expected* parts) const {
  const ArmAverages::Expected expected =
      averages.expected(arm_index, candidate, kPriorRows, common);
  if (parts != nullptr) *parts = expected;
  return bounded_reward(
      env::reward(expected.quality, expected.cost_usd, expected.latency_s, weights));
}

std::optional<std::size_t> PpoView::arm(std::string_view model) const {
  const auto found = index.find(model);
  return found == index.end() ? std::nullopt : std::optional(found->second);
}

std::unique_ptr<const Policy> make_ppo_policy(const PpoView& view) {
  return std::make_unique<PpoPolicy>(view);
}

std::shared_ptr<const Policy> make_ppo_snapshot(const PpoView& view) {
  return std::make_shared<PpoSnapshot>(view);
}

}  // namespace yardmaster::policies
