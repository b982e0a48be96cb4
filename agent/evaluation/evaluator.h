#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/evaluation/off_policy.h"
#include "base/decision.h"
#include "base/result.h"
#include "base/training_row.h"
#include "env/model_pool.h"
#include "policies/policy.h"

namespace yardmaster::agent {

/// What a log says of a policy.
struct PolicyValue {
  std::string
      policy;  ///< "logged": the choices that were made; "observed": kObserved; "fixed:MODEL"
  OffPolicyEstimate estimate;
  std::map<std::string, double> choices = {};  ///< how often it would choose each model
};

/// What the daemon's policy would have chosen where the baseline was served (mode `observe`, or
/// what a share leaves out), as the log tells it. Of these decisions alone.
inline constexpr std::string_view kObserved = "observed";

struct EvaluationOptions {
  std::vector<std::string> policies{"default"};
  std::optional<double> cost_weight;  ///< in place of what each decision was made with
  std::uint64_t seed = 0;             ///< of the policies
};

/// Evaluates policies on logged decisions, one after the other: each policy decides on a decision
/// from what it learned of the earlier ones, as a daemon would have, and the model whose
/// expectations the estimates use has seen no more. So nothing is ever estimated from the data
/// that it was learned from. What the log's own policy did and each model alone come along.
/// A policy learns from the logged choices, not from its own: of a policy that explores well the
/// estimate says too little where the log explored badly. Not thread-safe.
class Evaluator {
 public:
  /// `pool` outlives it. Fails with invalid_argument on an unknown policy.
  static Result<Evaluator> make(const EvaluationOptions& options, const env::ModelPool& pool,
                                std::size_t dimension);

  /// Takes the log's next decision and the row made of it. One without quality is learned from, but
  /// says nothing of rewards; returns whether it did. Fails where a policy gives no distribution.
  Result<bool> add(const DecisionRecord& record, const TrainingRow& row);

  /// The policies asked for, in their order, then `observed`, of no decisions where the log has
  /// none such, then `logged`, then each model of the pool.
  const std::vector<PolicyValue>& values() const { return values_; }

 private:
  using Learners = std::vector<std::unique_ptr<policies::Learner>>;

  Evaluator(const EvaluationOptions& options, const env::ModelPool& pool)
      : options_(options), pool_(pool) {}

  Status judge(const Decision& decision, const TrainingRow& row);
  void add(PolicyValue& value, const Decision& decision, std::span<const double> propensity,
           const Worth& seen);

  EvaluationOptions options_;
  const env::ModelPool& pool_;
  Learners learners_;                           ///< one for each policy asked for
  std::unique_ptr<policies::Learner> expects_;  ///< the model of expected worth
  std::vector<PolicyValue> values_;
  std::uint64_t decisions_ = 0;

  // Of the decision at hand, one entry a candidate; kept for their memory.
  std::vector<policies::Score> scores_;
  std::vector<Worth> expected_;
  std::vector<double> target_;
};

}  // namespace yardmaster::agent
