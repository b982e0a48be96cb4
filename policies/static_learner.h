#pragma once

#include <memory>

#include "policies/policy.h"
#include "policies/stages.h"

namespace yardmaster::policies {

/// A learner that learns nothing but which models there are: for `fixed` and `random`. It
/// checks rows as the others do.
std::unique_ptr<Learner> make_static_learner(const PolicyOptions& options,
                                             std::shared_ptr<const Chooser> chooser,
                                             double exploration_floor);

}  // namespace yardmaster::policies
