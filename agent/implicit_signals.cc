#include "agent/implicit_signals.h"

#include <algorithm>

namespace yardmaster::agent {
namespace {

using Source = env::MetricSpec::Source;

double as_value(bool yes) { return yes ? 1 : 0; }

/// Nothing: the outcome does not say.
std::optional<double> measured(Source source, const Outcome& outcome,
                               std::optional<env::Finish> finish) {
  const bool failed = outcome.status == Outcome::Status::error;
  if (source == Source::error) return as_value(failed);
  if (failed) return std::nullopt;
  switch (source) {
    case Source::first_token:
      return outcome.first_token_s;
    case Source::latency:
      return outcome.latency_s;
    case Source::refusal:
      if (finish) return as_value(*finish == env::Finish::refusal);
      return std::nullopt;
    case Source::truncation:
      if (finish) return as_value(*finish == env::Finish::length);
      return std::nullopt;
    case Source::regeneration:
      // Until the query comes again, which corrects it.
      return 0;
    case Source::client:
    case Source::error:
      break;
  }
  return std::nullopt;
}

}  // namespace

replay::FeedbackItem own_feedback(const env::MetricSpec& metric, const DecisionId& id, double value,
                                  Timestamp now) {
  replay::FeedbackItem item;
  item.target = {replay::FeedbackTarget::Kind::decision, id.str()};
  item.feedback.metric = metric.name;
  item.feedback.value = value;
  item.feedback.judge = kOwnJudge;
  item.feedback.time = now;
  return item;
}

std::vector<replay::FeedbackItem> implicit_feedback(std::span<const env::MetricSpec> metrics,
                                                    const DecisionId& id, const Outcome& outcome,
                                                    std::optional<env::Finish> finish) {
  std::vector<replay::FeedbackItem> items;
  if (outcome.status == Outcome::Status::rejected) return items;
  if (outcome.status == Outcome::Status::cancelled) return items;
  for (const env::MetricSpec& metric : metrics) {
    const auto value = measured(metric.source, outcome, finish);
    if (!value) continue;
    items.push_back(
        own_feedback(metric, id, std::clamp(*value, metric.min, metric.max), outcome.time));
  }
  return items;
}

std::optional<DecisionId> Regenerations::note(const std::string& key, const DecisionId& decision,
                                              Timestamp now) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) {
    Answer& answer = *found->second;
    std::optional<DecisionId> before;
    if (now - answer.time <= kWindow) before = answer.decision;
    answer.decision = decision;
    answer.time = now;
    latest_.splice(latest_.begin(), latest_, found->second);
    return before;
  }
  latest_.push_front({key, decision, now});
  by_key_.emplace(latest_.front().key, latest_.begin());
  if (latest_.size() > kMost) {
    by_key_.erase(latest_.back().key);
    latest_.pop_back();
  }
  return std::nullopt;
}

}  // namespace yardmaster::agent
