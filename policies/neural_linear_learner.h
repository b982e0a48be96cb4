#pragma once

#include <memory>

#include "base/result.h"
#include "policies/policy.h"
#include "policies/stages.h"

namespace yardmaster::policies {

/// Neural linear bandit (Riquelme, Tucker and Snoek 2018): a network's last hidden layer, the
/// trunk, gives features that are put beside the query's own, and the Bayesian linear model of all
/// policies (LinearModel) is what decides, with its shared part, noise and levels.
///
/// The trunk learns to predict each model's quality from a window of the newest rows. It is trained
/// at rows 1,024, 2,048, 4,096 and from then on every 4,096. After that the linear model is made
/// afresh: all rows of the window, each once, with their features by the new trunk, so no row
/// counts twice and none with features that are gone. Between trainings rows are added as they
/// come. Rows older than the window are forgotten at a training.
///
/// Fails with unavailable where the options' device is not there.
Result<std::unique_ptr<Learner>> make_neural_linear_learner(const PolicyOptions& options,
                                                            std::shared_ptr<const Chooser> chooser);

}  // namespace yardmaster::policies
