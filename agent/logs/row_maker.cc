#include "agent/logs/row_maker.h"

#include "env/query.h"

namespace yardmaster::agent {
namespace {

std::string not_in_pool(std::string_view model) {
  return "model '" + std::string(model) + "' is not in the pool";
}

/// What was reported, else tokens times today's prices, else nothing.
std::optional<double> cost_of(const env::ModelSpec& model, std::optional<double> reported_usd,
                              std::optional<std::uint64_t> input_tokens,
                              std::optional<std::uint64_t> output_tokens) {
  if (reported_usd || !input_tokens || !output_tokens) return reported_usd;
  return model.cost_usd(static_cast<double>(*input_tokens), static_cast<double>(*output_tokens));
}

bool nothing_known(const ArmOutcome& outcome) {
  return !outcome.quality && !outcome.cost_usd && !outcome.latency_s;
}

std::string encoder_text(std::string_view name, std::uint32_t version) {
  return std::string(name) + " version " + std::to_string(version);
}

}  // namespace

RowMaker::RowMaker(const env::Encoder& encoder, const env::ModelPool& pool,
                   const env::QualityObjective& objective, ObjectiveWeights weights)
    : encoder_(encoder), pool_(pool), objective_(objective), weights_(weights) {}

Result<MadeRow> RowMaker::from_outcomes(const env::OutcomeExample& example, Timestamp time) const {
  MadeRow made;
  for (const env::LoggedOutcome& logged : example.outcomes) {
    const env::ModelSpec* model = pool_.find(logged.model);
    if (model == nullptr) {
      made.left_out.push_back(not_in_pool(logged.model));
      continue;
    }
    ArmOutcome outcome;
    outcome.model = model->name;
    outcome.price_reference = model->price_reference();
    outcome.quality = logged.quality;
    outcome.cost_usd = cost_of(*model, logged.cost_usd, logged.input_tokens, logged.output_tokens);
    outcome.latency_s = logged.latency_s;
    if (nothing_known(outcome)) {
      made.left_out.push_back("model '" + logged.model + "' has no quality, cost or latency");
      continue;
    }
    made.row.outcomes.push_back(std::move(outcome));
  }
  if (made.row.outcomes.empty()) {
    return fail(ErrorCode::invalid_argument, made.left_out.front());
  }
  auto outcomes = std::move(made.row.outcomes);
  made.row = start_row(encode(env::query_from_text(example.query)), time);
  made.row.outcomes = std::move(outcomes);
  return made;
}

Result<MadeRow> RowMaker::from_decision(const DecisionRecord& record) const {
  const Decision& decision = record.decision;
  const env::ModelSpec* model = pool_.find(decision.model());
  if (model == nullptr) return fail(ErrorCode::invalid_argument, not_in_pool(decision.model()));

  for (const Feedback& feedback : record.feedback) {
    if (objective_.find(feedback.metric) == nullptr) continue;
    if (Status good = objective_.check(feedback.metric, feedback.value); !good) {
      return fail(good.error());
    }
  }

  if (record.outcome && record.outcome->status == Outcome::Status::rejected) {
    return fail(ErrorCode::invalid_argument, "the upstream rejected the query: nothing to learn");
  }
  ArmOutcome outcome;
  outcome.model = model->name;
  outcome.propensity = decision.propensity();
  outcome.price_reference =
      decision.price_reference > 0 ? decision.price_reference : model->price_reference();
  outcome.quality = objective_.quality(record.feedback);
  if (record.outcome) {
    if (record.outcome->status == Outcome::Status::error) outcome.quality = 0;
    outcome.cost_usd = record.outcome->cost_usd;
    outcome.latency_s = record.outcome->latency_s;
    if (record.outcome->status == Outcome::Status::cancelled) {
      outcome.quality.reset();
      outcome.latency_s.reset();
    }
  }
  const bool billed = !record.outcome || is_billed(record.outcome->status);
  if (!outcome.cost_usd && billed && decision.estimated_cost_usd > 0) {
    outcome.cost_usd = decision.estimated_cost_usd;
  }
  if (!(outcome.propensity > 0)) {
    return fail(ErrorCode::invalid_argument, "the chosen model's propensity is not above 0");
  }
  if (nothing_known(outcome)) {
    return fail(ErrorCode::invalid_argument, "the decision has neither an outcome nor feedback");
  }
  auto features = features_of(decision);
  if (!features) return fail(features.error());
  MadeRow made;
  made.decision = decision.id;
  made.row = start_row(std::move(*features), decision.time);
  made.row.weights = decision.weights;
  made.row.outcomes.push_back(std::move(outcome));
  return made;
}

Result<MadeRow> RowMaker::from_litellm(const LiteLlmCall& call, Timestamp now) const {
  const env::ModelSpec* model = find_litellm_model(call);
  if (model == nullptr) {
    return fail(ErrorCode::invalid_argument,
                not_in_pool(call.model.empty() ? call.model_group : call.model));
  }
  ArmOutcome outcome;
  outcome.model = model->name;
  outcome.price_reference = model->price_reference();
  outcome.quality = call.quality;
  outcome.cost_usd = cost_of(*model, call.cost_usd, call.input_tokens, call.output_tokens);
  outcome.latency_s = call.latency_s;
  if (nothing_known(outcome)) {
    return fail(ErrorCode::invalid_argument, "usage alone teaches nothing while the prices of '" +
                                                 model->name + "' are unknown");
  }
  Features features{std::string(encoder_.name()), encoder_.version(),
                    std::vector<float>(encoder_.dimension())};
  if (call.query) features = encode(*call.query);
  MadeRow made;
  made.row = start_row(std::move(features), call.time.value_or(now));
  made.row.outcomes.push_back(std::move(outcome));
  return made;
}

Features RowMaker::encode(const env::Query& query) const {
  Features features{std::string(encoder_.name()), encoder_.version(),
                    std::vector<float>(encoder_.dimension())};
  encoder_.encode(query, features.values);
  return features;
}

Result<Features> RowMaker::features_of(const Decision& decision) const {
  const Features& logged = decision.features;
  if (logged.encoder == encoder_.name() && logged.version == encoder_.version() &&
      logged.values.size() == encoder_.dimension()) {
    return logged;
  }
  const Features& other = decision.successor_features;
  if (other.encoder == encoder_.name() && other.version == encoder_.version() &&
      other.values.size() == encoder_.dimension()) {
    return other;
  }
  if (decision.query) return encode(env::query_from_text(*decision.query));
  if (logged.encoder.empty()) {
    return fail(ErrorCode::unsupported, "the line has neither features nor the query's text");
  }
  return fail(ErrorCode::unsupported, "the features are of encoder " +
                                          encoder_text(logged.encoder, logged.version) + ", not " +
                                          encoder_text(encoder_.name(), encoder_.version()) +
                                          ", and the query's text is not in the log");
}

/// By either name, whole or without LiteLLM's "provider/" in front.
const env::ModelSpec* RowMaker::find_litellm_model(const LiteLlmCall& call) const {
  for (const std::string_view name :
       {std::string_view(call.model_group), std::string_view(call.model)}) {
    if (const env::ModelSpec* model = pool_.find(name)) return model;
    const std::size_t slash = name.find('/');
    if (slash == std::string_view::npos) continue;
    if (const env::ModelSpec* model = pool_.find(name.substr(slash + 1))) return model;
  }
  return nullptr;
}

TrainingRow RowMaker::start_row(Features features, Timestamp time) const {
  TrainingRow row;
  row.time = time;
  row.features = std::move(features);
  row.weights = weights_;
  return row;
}

}  // namespace yardmaster::agent
