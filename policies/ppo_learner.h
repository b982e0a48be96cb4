#pragma once

#include <memory>

#include "base/result.h"
#include "policies/policy.h"

namespace yardmaster::policies {

/// Proximal policy optimisation of single decisions from logged rows: a window of the newest rows,
/// each with the propensity it was logged with, and after every block of rows an update of actor
/// and critic (ppo::Trainer) on the block's rows and as many drawn from the window as make a batch.
/// The reward is made of a row's quality, cost and latency under its own weights; a part of the
/// drawn rows is given other weights, since the propensity does not depend on them, so that one
/// policy serves every trade-off.
///
/// Rows chosen by a policy that is too many rows old stay out; the trainer bounds pi / mu and skips
/// the actor where the effective sample size is low. Blocks are taken by sequence number and
/// random numbers keyed by the block, so the state is a function of options and rows.
///
/// Fails with unavailable where the options' device is not there.
Result<std::unique_ptr<Learner>> make_ppo_learner(const PolicyOptions& options);

}  // namespace yardmaster::policies
