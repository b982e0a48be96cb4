#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/decision.h"
#include "env/model_pool.h"

namespace yardmaster::env {

/// A model that may serve the query, as a policy sees it.
struct Candidate {
  std::string_view model;
  double price_reference = 0;     ///< ModelSpec::price_reference(), USD; 0: unknown
  double estimated_cost_usd = 0;  ///< tokens times prices; 0: unknown
};

/// All that a policy may look at when it decides. The spans belong to the caller.
struct Observation {
  std::span<const float> features;        ///< Encoder::dimension() values
  std::span<const Candidate> candidates;  ///< at least one
  ObjectiveWeights weights;
  std::uint64_t decisions = 0;  ///< made before this one; the clock of schedules such as sqrt(t)
};

/// The candidates of a logged decision, with the pool's prices where it still has the model and
/// without estimates. They refer to the decision's names.
std::vector<Candidate> candidates_of(const Decision& decision, const ModelPool& pool);

}  // namespace yardmaster::env
