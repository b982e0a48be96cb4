#pragma once

#include <memory>

#include "policies/linear_model.h"
#include "policies/policy.h"
#include "policies/stages.h"

namespace yardmaster::policies {

/// What a linear policy of these options learns with.
LinearOptions linear_options(const PolicyOptions& options);

/// The same for Thompson sampling: choices explore what the context adds the less the longer a
/// model has been there, and an arm's mean is held nearer to the others', for sampling in the whole
/// deviation finds out by itself where it lies far from them (docs/policies.md has the figures).
LinearOptions sampled_linear_options(const PolicyOptions& options);

/// A learner whose scorer is the Bayesian linear model and whose chooser is the given one.
std::unique_ptr<Learner> make_linear_learner(const LinearOptions& linear,
                                             const PolicyOptions& options,
                                             std::shared_ptr<const Chooser> chooser);

}  // namespace yardmaster::policies
