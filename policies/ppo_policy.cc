#include "policies/ppo_policy.h"

#include <boost/container/small_vector.hpp>
#include <cmath>

#include "env/objective.h"
#include "policies/stages.h"

namespace yardmaster::policies {

namespace {

using FloatVector = boost::container::small_vector<float, 256>;

class PpoPolicy final : public Policy {
 public:
  explicit PpoPolicy(const PpoView& view) : view_(view) {}

  Status distribution(const env::Observation& observation, std::span<double> probabilities,
                      std::span<Score> scores) const override {
    if (auto checked = view_.check(observation, probabilities, scores); !checked) return checked;
    const ArmAverages::Common common = view_.averages.common();
    FloatVector inputs(view_.dimension + 2), outputs(view_.actor.outputs());
    const std::span<float> in(inputs.data(), inputs.size()), out(outputs.data(), outputs.size());
    view_.write_inputs(observation.features, observation.weights, common, in);
    if (!out.empty()) view_.actor.forward(in, out);
    double highest = -INFINITY;
    for (std::size_t i = 0; i < probabilities.size(); ++i) {
      const env::Candidate& candidate = observation.candidates[i];
      const auto arm = view_.arm(candidate.model);
      probabilities[i] =
          kPpoPriorSlope * view_.mean_reward(arm, candidate, observation.weights, common) +
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

std::unique_ptr<const Policy> make_ppo_policy(const PpoView& view) {
  return std::make_unique<PpoPolicy>(view);
}

std::shared_ptr<const Policy> make_ppo_snapshot(const PpoView& view) {
  return std::make_shared<PpoSnapshot>(view);
}

}  // namespace yardmaster::policies
