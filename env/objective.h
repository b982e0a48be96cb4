#pragma once

#include <algorithm>
#include <optional>

#include "base/decision.h"
#include "base/training_row.h"

namespace yardmaster::env {

/// The reward: quality in [0, 1] minus weighted cost and latency. Training, simulation, metrics
/// and reports all call this one function.
constexpr double reward(double quality, double cost_usd, double latency_s,
                        const ObjectiveWeights& weights) {
  return quality - weights.cost * cost_usd - weights.latency * latency_s;
}

/// The reward of what was observed; a cost or latency that is not known counts as 0. Nothing where
/// the quality is not known.
inline std::optional<double> reward(const ArmOutcome& outcome, const ObjectiveWeights& weights) {
  if (!outcome.quality) return std::nullopt;
  return reward(*outcome.quality, outcome.cost_usd.value_or(0), outcome.latency_s.value_or(0),
                weights);
}

}  // namespace yardmaster::env
