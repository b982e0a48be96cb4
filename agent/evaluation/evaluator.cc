#include "agent/evaluation/evaluator.h"

#include <algorithm>
#include <utility>

#include "env/objective.h"
#include "env/observation.h"

namespace yardmaster::agent {

namespace {

/// Of a model among the candidates.
std::optional<std::size_t> index_of(const Decision& decision, std::string_view model) {
  const auto found = std::find(decision.candidates.begin(), decision.candidates.end(), model);
  if (found == decision.candidates.end()) return std::nullopt;
  return static_cast<std::size_t>(found - decision.candidates.begin());
}

}  // namespace

Result<Evaluator> Evaluator::make(const EvaluationOptions& options, const env::ModelPool& pool,
                                  std::size_t dimension) {
  Evaluator out(options, pool);
  policies::PolicyOptions made;
  made.dimension = dimension;
  made.seed = options.seed;
  for (const env::ModelSpec& model : pool.models()) made.models.push_back(model.name);
  made.traits = env::ModelTraits(pool.models());
  for (const std::string& name : options.policies) {
    auto learner = policies::make_learner(name, made);
    if (!learner) return fail(learner.error());
    out.learners_.push_back(std::move(*learner));
    out.values_.push_back({name, {}});
  }
  auto expects = policies::make_learner("lints", made);
  if (!expects) return fail(expects.error());
  out.expects_ = std::move(*expects);
  out.values_.push_back({std::string(kObserved), {}});
  out.values_.push_back({"logged", {}});
  for (const std::string& model : made.models) out.values_.push_back({"fixed:" + model, {}});
  return out;
}

Result<bool> Evaluator::add(const DecisionRecord& record, const TrainingRow& row) {
  TrainingRow learned = row;
  learned.sequence = learned.decision_sequence = ++decisions_;
  // A hedge answers what another model was slow at: no fair sample of what it would do by itself.
  const bool judged = row.outcomes.front().quality.has_value() && !record.decision.hedge_of;
  if (judged) {
    if (Status done = judge(record.decision, learned); !done) return fail(done.error());
  }
  for (auto& learner : learners_) {
    if (Status done = learner->learn(learned); !done) return fail(done.error());
  }
  if (Status done = expects_->learn(learned); !done) return fail(done.error());
  return judged;
}

Status Evaluator::judge(const Decision& decision, const TrainingRow& row) {
  ObjectiveWeights weights = row.weights;
  if (options_.cost_weight) weights.cost = *options_.cost_weight;
  const std::vector<env::Candidate> candidates = env::candidates_of(decision, pool_);
  target_.resize(candidates.size());
  scores_.resize(candidates.size());
  const env::Observation observation{row.features.values, candidates, weights, decisions_ - 1};
  if (Status done = expects_->live().distribution(observation, target_, scores_); !done)
    return done;
  expected_.clear();
  for (const policies::Score& score : scores_) {
    expected_.push_back({score.reward, score.quality, score.cost_usd});
  }

  const ArmOutcome& outcome = row.outcomes.front();
  const Worth seen{*env::reward(outcome, weights), *outcome.quality, outcome.cost_usd.value_or(0)};
  std::size_t next = 0;
  for (auto& learner : learners_) {
    if (Status done = learner->live().distribution(observation, target_, {}); !done) return done;
    add(values_[next++], decision, decision.propensities, seen);
  }
  const auto choose = [&](std::size_t choice) {
    std::fill(target_.begin(), target_.end(), 0.0);
    target_[choice] = 1;
  };
  PolicyValue& observed = values_[next++];
  // What was done is known: the expectations drop out when the choice is the certain one.
  choose(decision.chosen);
  add(values_[next++], decision, target_, seen);
  if (const auto watched = index_of(decision, decision.would_choose)) {
    // The policy's draw was not served, so nothing but the baseline could be chosen.
    const std::vector<double> certain = target_;
    choose(*watched);
    add(observed, decision, certain, seen);
  }
  for (const env::ModelSpec& model : pool_.models()) {
    if (const auto candidate = index_of(decision, model.name)) {
      choose(*candidate);
    } else {
      target_ = decision.propensities;  // it could not serve this query: as it was
    }
    add(values_[next++], decision, decision.propensities, seen);
  }
  return {};
}

/// With target_ and expected_.
void Evaluator::add(PolicyValue& value, const Decision& decision,
                    std::span<const double> propensity, const Worth& seen) {
  value.estimate.add({target_, propensity, expected_, decision.chosen, seen});
  for (std::size_t i = 0; i < target_.size(); ++i) {
    if (target_[i] > 0) value.choices[decision.candidates[i]] += target_[i];
  }
}

}  // namespace yardmaster::agent
