#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "policies/arm_averages.h"
#include "policies/flat_mlp.h"
#include "policies/policy.h"

namespace yardmaster::policies {

/// All that `ppo` serves with: networks, running means, which output is whose. A value; const
/// methods may be called from any thread while nobody changes it.
///
/// The actor's logits are its network's outputs plus a prior: what the running means make of each
/// model's reward under the weights at hand, divided by a temperature. So an untrained policy
/// prefers what is cheap and has done well, and prices and weights act at once. The critic's
/// expected rewards are its network's outputs plus the same means.
struct PpoView {
  std::size_t dimension = 0;  ///< of the features
  double exploration_floor = 0;
  double feature_scale = 1;  ///< brings the mean square of a feature to a fixed size
  FlatMlp actor;
  FlatMlp critic;
  ArmAverages averages;

  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>{}(name);
    }
  };
  std::unordered_map<std::string, std::size_t, NameHash, std::equal_to<>> index;  ///< name to arm

  /// Networks see the scaled features, then the weights: how much of the reward a model's mean
  /// cost and latency take, squashed into [0, 1).
  std::size_t inputs() const { return dimension + 2; }
  void write_inputs(std::span<const float> features, const ObjectiveWeights& weights,
                    const ArmAverages::Common& common, std::span<float> out) const;

  /// A model's reward by the running means, within the bounds of what is learned.
  double mean_reward(std::optional<std::size_t> arm, const env::Candidate& candidate,
                     const ObjectiveWeights& weights, const ArmAverages::Common& common,
                     ArmAverages::Expected* parts = nullptr) const;

  std::optional<std::size_t> arm(std::string_view model) const;
};

/// Logits per unit of mean reward.
double ppo_prior_slope();

/// Rewards are learned within +-10: quality lies in [0, 1], so what lies beyond is as bad as can
/// be.
double bounded_reward(double reward);

/// A policy that reads `view`, which must outlive it and stand still during calls.
std::unique_ptr<const Policy> make_ppo_policy(const PpoView& view);

/// The same with a copy of its own.
std::shared_ptr<const Policy> make_ppo_snapshot(const PpoView& view);

}  // namespace yardmaster::policies
