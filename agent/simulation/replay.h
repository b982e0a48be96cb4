#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "agent/budget/paced_choice.h"
#include "agent/simulation.h"
#include "agent/simulation/feedback.h"
#include "agent/simulation/tally.h"
#include "agent/simulation/world.h"
#include "policies/policy.h"

namespace yardmaster::agent {

/// One replay of one learner with one seed. One thread.
class Replay {
 public:
  /// Refers to all of its arguments. Fails like FeedbackChannel::make.
  static Result<Replay> make(const World& world, const SimulationOptions& options,
                             std::uint64_t seed, policies::Learner& learner);

  /// Warm start, then every round. Fails with what the learner fails with.
  Status run(const Progress& progress);

  const Tally& tally() const { return tally_; }

 private:
  Replay(const World& world, const SimulationOptions& options, std::uint64_t seed,
         policies::Learner& learner, FeedbackChannel channel);

  Status learn_file(const SimulationData& data);
  Status learn_logs();
  void change_arms(const Stretch& stretch);
  Status step(std::uint64_t round, const Stretch& stretch);
  Result<std::size_t> choose(const Stretch& stretch, std::size_t row, std::uint64_t round);
  Result<std::size_t> choose_paced(const env::Observation& observation);
  std::size_t draw();
  TrainingRow observed(const Stretch& stretch, std::size_t row, std::size_t model,
                       double propensity);

  const World& world_;
  const SimulationOptions& options_;
  policies::Learner& learner_;
  FeedbackChannel channel_;
  RowOrder order_;
  Rng choice_, warm_choice_;
  std::uint64_t learned_ = 0;         ///< rows
  std::uint64_t first_sequence_ = 0;  ///< rows learned before the first round
  std::vector<std::size_t> present_;  ///< models that may serve the row at hand
  std::vector<env::Candidate> candidates_;
  std::vector<double> probabilities_;
  ObjectiveWeights weights_;            ///< that the choice at hand was made with
  std::unique_ptr<BudgetPacer> pacer_;  ///< nullptr: no budget
  Rng pacing_;
  DecisionId decision_;  ///< at hand
  Tally tally_;
};

}  // namespace yardmaster::agent
