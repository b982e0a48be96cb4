#pragma once

#include <memory>

#include "base/result.h"
#include "policies/policy.h"

namespace yardmaster::policies {

/// Bootstrapped Thompson sampling (Eckles and Kaptein 2014; Osband et al. 2016): 24 heads, each of
/// which has seen its own bootstrap of the rows, every row Poisson(1) times, keyed by row and
/// head. A head expects of each model its own bootstrapped mean quality, begun from a few rows
/// that never were, plus its outputs of a network whose trunk all heads share; cost and latency
/// come from running means. Each head votes for the model with the highest expected reward, so
/// the probability of a model is exactly its part of the votes, before the exploration floor.
///
/// Fails with unavailable where the options' device is not there.
Result<std::unique_ptr<Learner>> make_ensemble_learner(const PolicyOptions& options);

}  // namespace yardmaster::policies
