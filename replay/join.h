#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/decision.h"
#include "base/training_row.h"
#include "env/metrics.h"
#include "replay/codec.h"

namespace yardmaster::replay {

/// What joins need of a decision, and all that became known of it. The rest of the decision
/// (query, candidates, reasons) stays on disk.
struct Join {
  std::uint64_t sequence = 0;
  DecisionId id;
  Timestamp time;
  Timestamp deadline;  ///< the end of the reward window
  Features features;
  Features successor_features;
  ObjectiveWeights weights;
  std::uint64_t policy_version = 0;
  ArmOutcome arm;  ///< the chosen model, its propensity and price reference; values unset
  double estimated_cost_usd = 0;

  std::optional<StoredOutcome> outcome;
  std::vector<Feedback> feedback;  ///< in the order of arrival

  bool done = false;  ///< the first row was due: `mark` says what came of it
  JoinMark mark;

  std::uint32_t arrivals() const {
    return static_cast<std::uint32_t>(feedback.size() + (outcome ? 1 : 0));
  }
};

/// The join of a decision of which nothing is known yet.
Join start_join(std::uint64_t sequence, const Decision& decision, Timestamp deadline);

struct JoinRules {
  env::QualityObjective objective;
  std::optional<double> default_quality;
};

/// What is known of the chosen model's answer. A failed call has quality 0, whatever was judged; of
/// a query that the upstream rejected nothing is known, and of a cancelled call no quality, since
/// nobody saw its answer.
/// `final`: no more is awaited, so the default quality and the estimated cost step in.
ArmOutcome known_values(const Join& join, const JoinRules& rules, bool final);

/// Whether all that a row waits for is there: the outcome, and with a success the quality. A
/// rejected query or a cancelled call waits for nothing.
bool is_complete(const Join& join, const JoinRules& rules);

/// What advance() did.
enum class JoinStep {
  none,        ///< nothing is due, or nothing changed
  done_empty,  ///< the first row was due, but nothing at all is known: the join is done, no row
  first_row,   ///< `row` is the first of the decision
  correction,  ///< `row` replaces the values learned before
};

struct JoinAdvance {
  JoinStep step = JoinStep::none;
  bool became_done = false;        ///< the decision no longer waits for its window
  std::optional<TrainingRow> row;  ///< without a sequence: the caller gives it, and keeps it
                                   ///< in join.mark.last_row
};

/// Makes the row that is due after something became known of `join`, or after its window ended.
/// A join makes its first row once; later values that differ from what was learned make
/// corrections. Pure: it changes `join` alone.
JoinAdvance advance(Join& join, const JoinRules& rules, bool window_ended);

}  // namespace yardmaster::replay
