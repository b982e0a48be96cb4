#include "replay/join.h"

namespace yardmaster::replay {
namespace {

TrainingRow make_row(const Join& join, ArmOutcome values) {
  TrainingRow row;
  row.decision_sequence = join.sequence;
  row.decision = join.id;
  row.time = join.time;
  row.features = join.features;
  row.successor_features = join.successor_features;
  row.weights = join.weights;
  row.policy_version = join.policy_version;
  row.outcomes.push_back(std::move(values));
  return row;
}

bool ended_as(Outcome::Status status, const Join& join) {
  return join.outcome && join.outcome->outcome.status == status;
}

bool nothing_known(const ArmOutcome& values) {
  return !values.quality && !values.cost_usd && !values.latency_s;
}

}  // namespace

Join start_join(std::uint64_t sequence, const Decision& decision, Timestamp deadline) {
  Join join;
  join.sequence = sequence;
  join.id = decision.id;
  join.time = decision.time;
  join.deadline = deadline;
  join.features = decision.features;
  join.successor_features = decision.successor_features;
  join.weights = decision.weights;
  join.policy_version = decision.policy_version;
  join.arm.model = decision.model();
  join.arm.propensity = decision.propensity();
  join.arm.price_reference = decision.price_reference;
  join.estimated_cost_usd = decision.estimated_cost_usd;
  return join;
}

ArmOutcome known_values(const Join& join, const JoinRules& rules, bool final) {
  const Outcome* outcome = join.outcome ? &join.outcome->outcome : nullptr;
  const bool failed = ended_as(Outcome::Status::error, join);
  ArmOutcome values = join.arm;
  if (ended_as(Outcome::Status::rejected, join)) return values;
  if (failed) {
    values.quality = 0;
  } else if (!ended_as(Outcome::Status::cancelled, join)) {
    values.quality = rules.objective.quality(join.feedback);
    if (!values.quality && final) values.quality = rules.default_quality;
  }
  if (outcome != nullptr) {
    // A call that was given up could have taken any longer.
    if (!ended_as(Outcome::Status::cancelled, join)) values.latency_s = outcome->latency_s;
    values.cost_usd = outcome->cost_usd;
  }
  if (!values.cost_usd && !failed && final && join.estimated_cost_usd > 0) {
    values.cost_usd = join.estimated_cost_usd;
  }
  return values;
}

bool is_complete(const Join& join, const JoinRules& rules) {
  if (!join.outcome) return false;
  return join.outcome->outcome.status != Outcome::Status::ok ||
         rules.objective.quality(join.feedback).has_value();
}

JoinAdvance advance(Join& join, const JoinRules& rules, bool window_ended) {
  if (!join.done && !window_ended && !is_complete(join, rules)) return {};
  JoinAdvance out;
  out.became_done = !join.done;
  join.done = true;
  ArmOutcome values = known_values(join, rules, true);
  if (!join.mark.learned) {
    if (nothing_known(values)) {
      if (out.became_done) out.step = JoinStep::done_empty;
      return out;
    }
    out.step = JoinStep::first_row;
    out.row = make_row(join, values);
  } else {
    // What the window's end made of a call that was later reported as rejected or cancelled stays.
    if (values == *join.mark.learned || ended_as(Outcome::Status::rejected, join) ||
        ended_as(Outcome::Status::cancelled, join)) {
      return out;
    }
    out.step = JoinStep::correction;
    out.row = make_row(join, values);
    out.row->replaces = std::move(join.mark.learned);
  }
  join.mark.learned = std::move(values);
  return out;
}

}  // namespace yardmaster::replay
