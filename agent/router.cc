#include "agent/router.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "agent/text_rules.h"
#include "base/json_text.h"
#include "env/observation.h"
#include "policies/stages.h"

namespace yardmaster::agent {
namespace {

/// Output tokens assumed of an answer, unless the client's bound is lower. A cost that was learned
/// takes the place of what this makes with the prices.
constexpr double kTypicalOutputTokens = 400;

/// None where they were to be made ahead and could not be.
Features encoded(const env::Encoder& encoder, const env::Query& query,
                 const std::optional<std::vector<float>>& ahead) {
  Features out;
  if (ahead) {
    out.values = *ahead;
  } else {
    out.values.resize(encoder.dimension());
    encoder.encode(query, out.values);
  }
  if (out.values.empty()) return out;
  out.encoder = encoder.name();
  out.version = encoder.version();
  return out;
}

Spender spender_of(const Decision& decision) {
  return decision.hedge_of ? Spender::hedge : Spender::query;
}

std::string over_budget(double expected_usd, double left_usd) {
  char text[120];
  std::snprintf(text, sizeof text, "the budget: it is expected to cost %.3g USD, and %.3g is left",
                expected_usd, std::max(0.0, left_usd));
  return text;
}

}  // namespace

double expected_output_tokens(const env::Query& query) {
  if (!query.max_output_tokens) return kTypicalOutputTokens;
  return std::min(static_cast<double>(*query.max_output_tokens), kTypicalOutputTokens);
}

std::size_t sample_index(std::span<const double> probabilities, Rng& rng) {
  double left = rng.uniform();
  std::size_t last_possible = 0;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    if (probabilities[i] <= 0) continue;
    last_possible = i;
    if (left < probabilities[i]) return i;
    left -= probabilities[i];
  }
  return last_possible;  // the sum fell short of 1 by rounding
}

Router::Router(RouterSettings settings, const env::ModelPool& pool, const env::Encoder& encoder,
               const env::TokenEstimator& tokens, const env::Encoder* successor)
    : settings_(std::move(settings)),
      pool_(pool),
      encoder_(encoder),
      tokens_(tokens),
      successor_(successor) {
  if (settings_.budget.any()) pacer_ = std::make_unique<BudgetPacer>(settings_.budget);
  if (settings_.baseline.empty()) settings_.baseline = pool_.models().front().name;
}

Result<Routed> Router::decide(const RouteRequest& request, const PublishedPolicy& policy,
                              std::uint64_t decisions, Timestamp now, Rng& rng) const {
  auto weights_used = weights(request);
  if (!weights_used) return fail(weights_used.error());
  auto candidates = filter(request);
  if (!candidates) return fail(candidates.error());
  Choice choice = choice_among(*candidates, *request.query);

  Routed routed;
  routed.decision = std::make_shared<Decision>();
  Decision& decision = *routed.decision;
  decision.id = DecisionId::make(now, rng);
  decision.time = now;
  decision.router = settings_.name;
  decision.session_id = request.session_id();
  decision.conversation = request.session.conversation;
  decision.hedge_of = request.hedge_of;
  describe(request, policy, decision);
  decision.weights = *weights_used;
  decision.policy_version = policy.version;
  decision.filtered = std::move(candidates->filtered);

  const env::Observation observation{decision.features.values, choice.views, decision.weights,
                                     decisions};
  if (pacer_) {
    const Status asked =
        ask_within_budget(policy, observation, request.explain, rng, choice, routed);
    if (!asked) return fail(asked.error());
  } else {
    routed.policy_failed = !ask_policy(policy, observation, request.explain, routed);
  }
  decision.candidates.reserve(choice.models.size());
  for (const env::ModelSpec* model : choice.models) decision.candidates.push_back(model->name);
  if (routed.policy_failed) {
    routed.policy_probabilities.assign(choice.models.size(), 0.0);
    routed.policy_probabilities[choice.baseline] = 1;
    routed.scores.clear();
  } else if (!policy.policy->has_expectations()) {
    routed.scores.clear();
  }
  const double share = share_of(request);
  if (share > 0) keep_model(request, choice, routed);
  apply_mode(choice.baseline, share, rng, routed);

  routed.model = choice.models[decision.chosen];
  decision.price_reference = routed.model->price_reference();
  const double learned = routed.scores.empty() ? 0 : routed.scores[decision.chosen].cost_usd;
  decision.estimated_cost_usd = routed.model->cost_usd(choice.input_tokens, choice.output_tokens)
                                    .value_or(std::max(0.0, learned));
  if (pacer_) {
    pacer_->decided(decision.id, routed.model->name, choice.expected_usd[decision.chosen], now,
                    spender_of(decision));
  }
  return routed;
}

std::array<env::TagRule, 2> RouteRequest::tag_rules() const {
  std::array<env::TagRule, 2> rules{{{"the API key"}, {"the request", require_tags, exclude_tags}}};
  if (const ApiKey* key = hold.key()) {
    rules[0].require = key->require_tags;
    rules[0].exclude = key->exclude_tags;
  }
  return rules;
}

Result<env::Candidates> Router::filter(const RouteRequest& request) const {
  env::FilterBounds bounds;
  bounds.input_tokens = tokens_.upper_bound(*request.query);
  bounds.allow = request.allow;
  bounds.deny = request.deny;
  if (const ApiKey* key = request.hold.key()) {
    bounds.key_allow = key->models;
    bounds.key_deny = key->deny_models;
  }
  const auto [key_rule, request_rule] = request.tag_rules();
  const std::array<env::TagRule, 3> rules{
      {{"the router", settings_.require_tags, settings_.exclude_tags}, key_rule, request_rule}};
  bounds.tags = rules;
  bounds.needs_upstream = request.needs_upstream;
  bounds.down = request.down;
  return env::filter_candidates(*request.query, pool_, bounds);
}

Router::Choice Router::choice_among(const env::Candidates& candidates,
                                    const env::Query& query) const {
  Choice choice;
  for (const std::size_t index : candidates.models) {
    const env::ModelSpec& model = pool_.models()[index];
    // Where the baseline cannot serve this query, the first in the pool's order stands in.
    if (model.name == settings_.baseline) choice.baseline = choice.models.size();
    choice.models.push_back(&model);
  }
  choice.input_tokens = tokens_.estimate(query);
  choice.output_tokens = expected_output_tokens(query);
  for (const env::ModelSpec* model : choice.models) {
    choice.views.push_back(
        {model->name, model->price_reference(),
         model->cost_usd(choice.input_tokens, choice.output_tokens).value_or(0)});
  }
  return choice;
}

void Router::describe(const RouteRequest& request, const PublishedPolicy& policy,
                      Decision& decision) const {
  const env::Query& query = *request.query;
  if (const ApiKey* key = request.hold.key()) decision.key = key->name;
  if (settings_.texts != nullptr && settings_.texts->keeps_queries()) {
    decision.query = settings_.texts->query(query.text);
  }
  if (successor_ != nullptr && policy.successor) {
    decision.features = encoded(*successor_, query, request.successor_features);
  } else {
    decision.features = encoded(encoder_, query, request.features);
    if (successor_ != nullptr) {
      decision.successor_features = encoded(*successor_, query, request.successor_features);
    }
  }
  decision.weights = settings_.weights;
  decision.estimated_input_tokens = static_cast<std::uint32_t>(tokens_.estimate(query));
}

Result<ObjectiveWeights> Router::weights(const RouteRequest& request) const {
  ObjectiveWeights weights = settings_.weights;
  if (!request.cost_weight) return weights;
  if (!std::isfinite(*request.cost_weight) || *request.cost_weight < 0 ||
      *request.cost_weight > settings_.max_cost_weight) {
    return fail(ErrorCode::invalid_argument,
                "x-yardmaster-cost-weight is outside what the config allows; send 0 to " +
                    number_text(settings_.max_cost_weight));
  }
  weights.cost = *request.cost_weight;
  return weights;
}

/// Fills the policy's probabilities and scores; false if the policy gave no valid distribution.
bool Router::ask_policy(const PublishedPolicy& policy, const env::Observation& observation,
                        bool explain, Routed& routed) const {
  if (policy.policy == nullptr || observation.features.empty()) return false;
  const std::size_t count = observation.candidates.size();
  routed.policy_probabilities.resize(count);
  routed.scores.resize(count);
  return agent::ask_policy(*policy.policy, observation, explain, routed.policy_probabilities,
                           routed.scores);
}

/// The same at the budget's price; leaves in `choice` what the ceiling leaves.
Status Router::ask_within_budget(const PublishedPolicy& policy, const env::Observation& observation,
                                 bool explain, Rng& rng, Choice& choice, Routed& routed) const {
  Decision& decision = *routed.decision;
  const policies::Policy* asked = observation.features.empty() ? nullptr : policy.policy.get();
  auto paced = choose_within_budget(*pacer_, asked, observation, decision.time, rng, explain,
                                    spender_of(decision));
  if (!paced) return fail(paced.error());
  for (const PacedChoice::Over& over : paced->over) {
    decision.filtered.push_back(
        {choice.models[over.candidate]->name, over_budget(over.expected_usd, paced->left_usd)});
  }
  choice.keep(paced->kept, paced->expected_usd);
  routed.policy_failed = paced->probabilities.empty();
  routed.policy_probabilities = std::move(paced->probabilities);
  routed.scores = std::move(paced->scores);
  routed.budget = Routed::Budget{paced->added_cost_weight, paced->left_usd};
  decision.weights.cost += paced->added_cost_weight;
  return {};
}

/// Where the baseline goes, the cheapest that stays stands in.
void Router::Choice::keep(const std::vector<std::size_t>& kept,
                          std::vector<double> expected_usd_of_kept) {
  const auto stays = std::find(kept.begin(), kept.end(), baseline);
  expected_usd = std::move(expected_usd_of_kept);
  baseline = static_cast<std::size_t>(
      stays != kept.end()
          ? stays - kept.begin()
          : std::min_element(expected_usd.begin(), expected_usd.end()) - expected_usd.begin());
  for (std::size_t i = 0; i < kept.size(); ++i) models[i] = models[kept[i]];
  models.resize(kept.size());
}

/// Within a conversation the policy stays with the model of the latest turn unless another is
/// expected to gain more than the prompt cache that it would lose, and a margin; but for the
/// exploration floor.
void Router::keep_model(const RouteRequest& request, const Choice& choice, Routed& routed) const {
  if (!request.last_turn || routed.policy_failed) return;
  const auto last =
      std::find_if(choice.models.begin(), choice.models.end(),
                   [&](const auto* model) { return model->name == request.last_turn->model; });
  if (last == choice.models.end()) return;
  const auto current = static_cast<std::size_t>(last - choice.models.begin());
  const double asked = routed.policy_probabilities[current];
  if (routed.scores.empty() && (asked <= 0 || asked >= 1)) return;  // `fixed` knows its model
  const double cached =
      std::min(static_cast<double>(request.last_turn->prompt_tokens), choice.input_tokens);
  Routed::Session session{(*last)->name, (*last)->cache_saving_usd(cached), true};
  std::vector<double> gains(choice.models.size(), 0.0);
  for (std::size_t i = 0; i < gains.size() && !routed.scores.empty(); ++i) {
    if (i == current) continue;
    gains[i] = routed.scores[i].reward - routed.scores[current].reward -
               routed.decision->weights.cost * session.switch_cost_usd - settings_.switch_margin;
  }
  const auto best =
      static_cast<std::size_t>(std::max_element(gains.begin(), gains.end()) - gains.begin());
  session.kept = !(gains[best] > 0);
  const std::size_t chosen = session.kept ? current : best;
  std::fill(routed.policy_probabilities.begin(), routed.policy_probabilities.end(), 0.0);
  routed.policy_probabilities[chosen] = 1;
  policies::mix_floor(settings_.exploration_floor, routed.policy_probabilities);
  routed.session = std::move(session);
}

/// The part of the traffic that the policy decides. A conversation stays in or out as a whole.
double Router::share_of(const RouteRequest& request) const {
  if (request.baseline_only || settings_.observe) return 0;
  const bool partial = settings_.share > 0 && settings_.share < 1;
  if (!partial || !request.last_turn) return settings_.share;
  return request.last_turn->by_policy ? 1 : 0;
}

/// Mode and share mix the policy's distribution with the baseline; the draw is from the mixture,
/// so its probability is the propensity.
void Router::apply_mode(std::size_t baseline, double share, Rng& rng, Routed& routed) const {
  Decision& decision = *routed.decision;
  decision.propensities = routed.policy_probabilities;
  for (double& p : decision.propensities) p *= share;
  decision.propensities[baseline] += 1 - share;

  // One draw serves both: the policy's choice, then whether it is the one that is served.
  const std::size_t policys_choice = sample_index(routed.policy_probabilities, rng);
  const bool served = share >= 1 || (share > 0 && rng.uniform() < share);
  decision.chosen = served ? policys_choice : baseline;
  if (!served) decision.would_choose = decision.candidates[policys_choice];
}

}  // namespace yardmaster::agent
