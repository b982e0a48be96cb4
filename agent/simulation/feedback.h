#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "agent/simulation/scenario.h"
#include "agent/simulation/world.h"
#include "base/result.h"
#include "base/training_row.h"
#include "policies/policy.h"

namespace yardmaster::agent {

/// What stands between a choice and the learner: a judge who errs, feedback that never comes, and
/// time. Each draws from a stream of its own, so one does not change what another draws.
class FeedbackChannel {
 public:
  /// Fails with invalid_argument where a bias names a model that the data has not.
  static Result<FeedbackChannel> make(const FeedbackModel& model, const World& world,
                                      std::uint64_t seed);

  /// What the judge makes of a model's true outcome: quality stays within [0, 1].
  SimulationData::Cell judge(SimulationData::Cell cell, std::size_t model);

  /// Takes the row of the decision of `round`; its quality may get lost here.
  void send(std::uint64_t round, TrainingRow row);

  /// Gives the learner what has arrived when the decision of `round` is made, each row with the
  /// next sequence number after `learned`, which is counted up.
  Status deliver(std::uint64_t round, std::uint64_t& learned, policies::Learner& learner);

 private:
  FeedbackChannel(const FeedbackModel& model, std::size_t models, std::uint64_t seed);

  FeedbackModel model_;
  std::vector<double> bias_;  ///< a model each
  Rng loss_, delay_, noise_;
  std::multimap<std::uint64_t, TrainingRow> waiting_;  ///< by the round in which they arrive
};

}  // namespace yardmaster::agent
