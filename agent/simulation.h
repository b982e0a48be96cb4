#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "agent/budget/pacer.h"
#include "agent/simulation/data.h"
#include "agent/simulation/scenario.h"
#include "agent/simulation/tally.h"
#include "agent/simulation/world.h"
#include "base/decision.h"
#include "base/result.h"
#include "policies/policy.h"

namespace yardmaster::agent {

struct SimulationOptions {
  ObjectiveWeights weights;
  std::vector<std::uint64_t> seeds{0, 1, 2};
  std::uint64_t rounds = 0;  ///< 0: once through the rows that no warm start takes
  FeedbackModel feedback;
  std::vector<ScenarioEvent> events;
  BudgetSettings budget;
  double exploration_floor = 0.001;
  double half_life_decisions = 0;
  bool traits = true;                          ///< policies know the models' traits ahead
  const SimulationData* warm_start = nullptr;  ///< learned first, every model's outcome known

  /// Rows at the head of each seed's order that are learned before the first round and not
  /// played: as logs of a uniformly random choice, or with every model's outcome.
  std::uint64_t warm_rows = 0;
  bool warm_full = false;
};

/// Makes the learner that one seed starts from.
using LearnerFactory =
    std::function<Result<std::unique_ptr<policies::Learner>>(std::uint64_t seed)>;

/// Replays the data once for each seed: rows shuffled by the seed (again for every pass), the
/// policy sees a query's features, one model is drawn from its distribution, and it learns that
/// model's outcome alone. A missing quality counts as 0 in the reward, and is not learned.
/// Fails with what making a learner or learning a row fails with, and like make_world.
Result<SimulationResult> simulate(const SimulationData& data, std::string_view name,
                                  const LearnerFactory& make_learner,
                                  const SimulationOptions& options, const Progress& progress);

/// The same with a policy by its name. Fails with invalid_argument for an unknown one.
Result<SimulationResult> simulate(const SimulationData& data, std::string_view policy,
                                  const SimulationOptions& options, const Progress& progress);

/// What needs no learning, on the same shuffles: best_fixed (one model from the first round to the
/// last, the best in hindsight over the whole data), best_switching (only where the scenario
/// changes something: the best model of each time between changes), random (uniform among the
/// candidates of the round), oracle (the best candidate for each query). With a budget and no
/// changes also what it could buy: best_mix (a coin between the two fixed models whose mix on the
/// budget is best) and budget_oracle (the choices that maximise the sum of rewards within the
/// budget, every outcome known: the linear program's, by its dual). Fails like make_world.
Result<std::vector<SimulationResult>> simulate_baselines(const SimulationData& data,
                                                         const SimulationOptions& options);

/// Whether simulate_baselines() has a result of that name.
bool is_baseline(std::string_view policy);

/// The world that the options describe. Fails with invalid_argument where they do not fit the data.
Result<World> make_world(const SimulationData& data, const SimulationOptions& options);

}  // namespace yardmaster::agent
