#pragma once

#include <memory>

#include "policies/flat_mlp.h"
#include "policies/neural_view.h"
#include "policies/policy.h"

namespace yardmaster::policies {

/// All that `ppo` serves with: networks, running means, which output is whose. A value; const
/// methods may be called from any thread while nobody changes it.
///
/// The actor's logits are its network's outputs plus a prior: what the running means make of each
/// model's reward under the weights at hand, divided by a temperature. So an untrained policy
/// prefers what is cheap and has done well, and prices and weights act at once. The critic's
/// expected rewards are its network's outputs plus the same means.
struct PpoView : NeuralView {
  FlatMlp actor;
  FlatMlp critic;
};

/// Logits per unit of mean reward.
inline constexpr double kPpoPriorSlope = 20;

/// A policy that reads `view`, which must outlive it and stand still during calls.
std::unique_ptr<const Policy> make_ppo_policy(const PpoView& view);

/// The same with a copy of its own.
std::shared_ptr<const Policy> make_ppo_snapshot(const PpoView& view);

}  // namespace yardmaster::policies
