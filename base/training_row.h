#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/decision.h"

namespace yardmaster {

/// What is known of one model's answer to one query. An absent value was not observed and is
/// not learned from; the others still are.
struct ArmOutcome {
  std::string model;
  double propensity = 1;  ///< with which the model was chosen; 1 where every model was observed
  double price_reference = 0;     ///< the model's at that time, so that cost survives price changes
  std::optional<double> quality;  ///< in [0, 1]
  std::optional<double> cost_usd;
  std::optional<double> latency_s;

  friend bool operator==(const ArmOutcome&, const ArmOutcome&) = default;
};

/// One joined example, the learner's only input. Rows are learned in the order of `sequence`,
/// each exactly once. Online rows hold one outcome; a row imported with full information holds
/// one for each model.
struct TrainingRow {
  std::uint64_t sequence = 0;           ///< dense from 1
  std::uint64_t decision_sequence = 0;  ///< of its decision; the clock that forgetting runs on
  DecisionId decision;                  ///< nil for imported rows
  Timestamp time;
  Features features;
  Features successor_features;  ///< as Decision's: a learner takes those of its own encoder
  ObjectiveWeights weights;
  std::uint64_t policy_version = 0;
  std::vector<ArmOutcome> outcomes;

  /// Set on a correction: the row of the same decision that was learned before held these
  /// values, and `outcomes` holds the new ones. A learner takes back the old and adds the new.
  std::optional<ArmOutcome> replaces;

  friend bool operator==(const TrainingRow&, const TrainingRow&) = default;
};

}  // namespace yardmaster
