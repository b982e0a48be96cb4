#pragma once

#include <memory>

#include "policies/linear_model.h"
#include "policies/policy.h"
#include "policies/stages.h"

namespace yardmaster::policies {

/// A learner whose scorer is the Bayesian linear model and whose chooser is the given one.
std::unique_ptr<Learner> make_linear_learner(const LinearOptions& linear,
                                             const PolicyOptions& options,
                                             std::shared_ptr<const Chooser> chooser);

}  // namespace yardmaster::policies
