#pragma once

#include <memory>
#include <vector>

#include "agent/simulation/cascade.h"
#include "base/random.h"
#include "base/result.h"
#include "env/cascade_environment.h"

namespace yardmaster::agent {

/// Who plays a cascade.
class CascadePlayer {
 public:
  virtual ~CascadePlayer() = default;

  /// Plays the episode that the environment was reset to, to its end.
  virtual void play(env::CascadeEnvironment& environment) = 0;
};

/// Models in order until a draft's score reaches the threshold; then the best draft.
struct Ladder {
  std::vector<std::size_t> models;
  double threshold = 0.5;
};

/// Passes over models that have no outcome for the query; if none is left, drafts with any.
std::unique_ptr<CascadePlayer> make_ladder_player(Ladder ladder);

/// Uniform among the allowed actions.
std::unique_ptr<CascadePlayer> make_random_player(std::uint64_t seed);

/// PPO that learns from its own episodes, in rollouts of some thousand steps; `steps` counts them.
Result<std::unique_ptr<CascadePlayer>> make_ppo_player(const env::CascadeTable& table,
                                                       const CascadeOptions& options,
                                                       std::uint64_t seed, std::uint64_t& steps);

/// The best ladder in hindsight: a search over orders that keeps the best few of each length
/// (exhaustive up to two models), and over thresholds.
Ladder tune_ladder(const env::CascadeTable& table, const env::CascadeRules& rules,
                   std::uint64_t seed);

}  // namespace yardmaster::agent
