#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/logs/litellm.h"
#include "base/decision.h"
#include "base/result.h"
#include "base/time.h"
#include "base/training_row.h"
#include "env/encoder.h"
#include "env/metrics.h"
#include "env/model_pool.h"
#include "env/outcome_data.h"

namespace yardmaster::agent {

/// A row made from a line of a log, and what of the line was left out.
struct MadeRow {
  TrainingRow row;
  DecisionId decision;                ///< whose row it is; none where the log has no decisions
  std::vector<std::string> left_out;  ///< a reason for each outcome that is not in the row
};

/// Turns what logs say into training rows for one router: features by its encoder, models of the
/// pool only, costs in the pool's prices. Sequence numbers are the store's to give. Immutable; any
/// thread. Where nothing of a line can be learned its methods fail with invalid_argument, or
/// unsupported for features of another encoder.
class RowMaker {
 public:
  /// All references outlive the maker. `weights` are those of rows whose log has none.
  RowMaker(const env::Encoder& encoder, const env::ModelPool& pool,
           const env::QualityObjective& objective, ObjectiveWeights weights);

  /// Full information: an outcome for each model of the pool that the example has.
  Result<MadeRow> from_outcomes(const env::OutcomeExample& example, Timestamp time) const;

  /// Bandit feedback: the chosen model's outcome with its logged propensity. Features are taken
  /// over where encoder and version are the same, else made anew from the query.
  Result<MadeRow> from_decision(const DecisionRecord& record) const;

  /// One call. Its propensity is unknown and taken as 1. Without any text the features are zero:
  /// only the model's averages are learned. `now` stands for a time that the line does not tell.
  Result<MadeRow> from_litellm(const LiteLlmCall& call, Timestamp now) const;

 private:
  Features encode(const env::Query& query) const;
  Result<Features> features_of(const Decision& decision) const;
  const env::ModelSpec* find_litellm_model(const LiteLlmCall& call) const;
  TrainingRow start_row(Features features, Timestamp time) const;

  const env::Encoder& encoder_;
  const env::ModelPool& pool_;
  const env::QualityObjective& objective_;
  ObjectiveWeights weights_;
};

}  // namespace yardmaster::agent
