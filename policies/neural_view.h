#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "policies/arm_averages.h"
#include "policies/policy.h"

namespace yardmaster::policies {

/// What every neural policy serves with besides its networks: how queries and weights become a
/// network's inputs, running means of the arms, which output is whose. A value; const methods may
/// be called from any thread while nobody changes it.
struct NeuralView {
  std::size_t dimension = 0;  ///< of the features
  double exploration_floor = 0;
  double feature_scale = 1;  ///< brings the mean square of a feature to 1
  ArmAverages averages;

  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>{}(name);
    }
  };
  std::unordered_map<std::string, std::size_t, NameHash, std::equal_to<>> index;  ///< name to arm

  std::optional<std::size_t> arm(std::string_view model) const;

  /// The scaled features, each within +-10, in `dimension` values.
  void write_features(std::span<const float> features, std::span<float> out) const;

  /// The scaled features, then the weights: how much of the reward the models' mean cost and
  /// latency take, squashed into [0, 1). In dimension + 2 values.
  void write_inputs(std::span<const float> features, const ObjectiveWeights& weights,
                    const ArmAverages::Common& common, std::span<float> out) const;

  /// A model's reward by the running means, within the bounds of what is learned.
  double mean_reward(std::optional<std::size_t> arm, const env::Candidate& candidate,
                     const ObjectiveWeights& weights, const ArmAverages::Common& common,
                     ArmAverages::Expected* parts = nullptr) const;

  /// Fails with invalid_argument where there are not `dimension` features.
  Status check_features(std::span<const float> features) const;

  /// The same, and as check_observation.
  Status check(const env::Observation& observation, std::span<const double> probabilities,
               std::span<const Score> scores) const;
};

/// Rewards are learned within +-10: quality lies in [0, 1], so what lies beyond is as bad as can
/// be.
double bounded_reward(double reward);

}  // namespace yardmaster::policies
