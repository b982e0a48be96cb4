#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/simulation.h"
#include "base/result.h"
#include "env/cascade_environment.h"

namespace yardmaster::agent {

struct CascadeOptions {
  double cost_weight = 30;
  std::vector<std::uint64_t> seeds{0, 1, 2};
  std::uint64_t rounds = 0;  ///< queries a seed; 0: once through the data
  std::size_t tries = 3;
  double judge_error = 0.1;
};

/// The data as env::CascadeEnvironment plays over it. A missing quality counts as 0.
class CascadeData {
 public:
  explicit CascadeData(const SimulationData& data);
  const env::CascadeTable& table() const { return table_; }

 private:
  std::vector<double> quality_, cost_;
  env::CascadeTable table_;
};

/// Plays the queries as cascades (env::CascadeEnvironment has the rules), rows in the same order as
/// `simulate`: `ppo`, which learns as it goes; `ladder`, the fixed order of models and the score to
/// stop at that are best in hindsight; `fixed:MODEL` for each model, one draft and stop; and as
/// baselines `random`, uniform among the allowed actions, and `oracle`, one draft of the best model
/// for the query. Rewards are what an episode was worth, rounds are queries; decisions a second
/// count steps. Fails as World::make does.
Result<std::vector<SimulationResult>> simulate_cascade(const SimulationData& data,
                                                       const CascadeOptions& options,
                                                       const Progress& progress);

}  // namespace yardmaster::agent
