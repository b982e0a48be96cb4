#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "policies/ppo/batch.h"

namespace yardmaster::policies::ppo {

/// What the networks, as they are when an update begins, say of one sample.
struct Seen {
  double value = 0;            ///< V(s)
  double expected = 0;         ///< Q(s, a) - V(s) of the action taken
  double log_probability = 0;  ///< log pi_old(a|s)
};

/// What an update learns from, a sample each.
struct Estimates {
  std::vector<double> advantage;     ///< A_t of the action taken
  std::vector<double> target;        ///< A_t + V(s_t): what the critic learns of Q(s_t, a_t)
  std::vector<double> correction;    ///< min(pi_old / mu, cap) (A_t - Q(s_t, a_t) + V(s_t))
  std::vector<double> weight;        ///< in the critic's loss
  std::vector<double> actor_weight;  ///< in the actor's: 0 where pi_old / mu is out of bounds
};

/// Advantages by GAE, importance weights, and which samples the actor may learn from. `report`
/// gets what was left out.
Estimates estimate(const Batch& batch, std::span<const Seen> seen, const Options& options,
                   Report& report);

/// What a minibatch is normalised by.
struct Scales {
  double advantage = 1;  ///< deviation of A_t; 1 for a single sample
  double weight = 1;     ///< sums of weights
  double actor_weight = 1;
};

Scales scales_of(const Estimates& estimates, std::span<const std::int64_t> samples);

}  // namespace yardmaster::policies::ppo
