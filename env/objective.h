#pragma once

#include <algorithm>
#include <optional>

#include "base/decision.h"

namespace yardmaster::env {

/// The reward: quality in [0, 1] minus weighted cost and latency. Training, simulation, metrics
/// and reports all call this one function.
constexpr double reward(double quality, double cost_usd, double latency_s,
                        const ObjectiveWeights& weights) {
  return quality - weights.cost * cost_usd - weights.latency * latency_s;
}

}  // namespace yardmaster::env
