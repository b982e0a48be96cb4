// POST /v1/chat/completions and /v1/messages: choose, log, call the upstream, report the outcome;
// and again with another model where that fails.

#include <algorithm>
#include <chrono>

#include "agent/api/api.h"
#include "agent/api/chat_stream.h"
#include "agent/api/request_options.h"
#include "base/json_text.h"
#include "env/request_query.h"

namespace yardmaster::agent {

namespace asio = boost::asio;

namespace {

using SteadyClock = std::chrono::steady_clock;

double microseconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double, std::micro>(SteadyClock::now() - start).count();
}

Result<env::Query> parse(env::ApiRoute route, std::string_view body) {
  return route == env::ApiRoute::messages ? env::parse_messages_query(body)
                                          : env::parse_query(body);
}

/// For one who left, as nginx has it; who closed the sending side alone may read it.
constexpr unsigned kClientLeft = 499;

}  // namespace

/// A decision for a client that names its model: nothing to choose, so propensity 1.
Decision Api::direct_decision(const env::ModelSpec& model, const RouteRequest& options) {
  Decision decision;
  decision.time = services_.clock();
  decision.id = DecisionId::make(decision.time, context_.rng);
  decision.session_id = options.session_id();
  decision.candidates = {model.name};
  decision.propensities = {1.0};
  const RouterService& first = services_.routers.front();
  first.router->describe(options, policy_of(first), decision);
  decision.price_reference = model.price_reference();
  const env::Query& query = *options.query;
  decision.estimated_cost_usd =
      model.cost_usd(services_.tokens.estimate(query), expected_output_tokens(query)).value_or(0);
  return decision;
}

/// The router of that name chooses; a model's name is taken as it is.
asio::awaitable<Result<Api::ChatTarget>> Api::choose_first(ChatRun& run) {
  run.service = services_.find_router(run.query.requested_model);
  run.options.needs_upstream = true;
  run.options.down = unavailable_models(run.query);
  if (run.service == nullptr) co_return co_await choose_named(run);
  run.options.baseline_only = services_.store_failed.load(std::memory_order_relaxed);
  find_turn(*run.service, run.options);
  co_await encode(*run.service, run.options);
  co_return choose_routed(run);
}

asio::awaitable<Result<Api::ChatTarget>> Api::choose_named(ChatRun& run) {
  const auto model = named_model(run);
  if (!model) co_return fail(model.error());
  ChatTarget target;
  target.prompt_bytes = run.query.prompt_bytes;
  target.model = *model;
  begin_call(target, run.query);
  co_await encode(services_.routers.front(), run.options);
  target.decision = std::make_shared<const Decision>(direct_decision(*target.model, run.options));
  target.log = begin_log(target.decision);
  count_choice(*target.model, false);
  run.options.hold.charge(*target.decision, services_.keys.charges);
  co_return target;
}

Result<Api::ChatTarget> Api::choose_routed(ChatRun& run) {
  auto target = draw(run);
  if (target) remember_turn(run.options, *target->decision);
  return target;
}

/// One of the models that may be chosen, by the policy; the conversation does not know of it yet.
Result<Api::ChatTarget> Api::draw(ChatRun& run) {
  const RouterService& service = *run.service;
  ChatTarget target;
  target.prompt_bytes = run.query.prompt_bytes;
  auto routed = decide(service, run.options);
  if (!routed) return fail(routed.error());
  target.model = routed->model;
  begin_call(target, run.query);
  target.log = begin_log(routed->decision);
  count_decision(*routed, true);
  run.options.hold.charge(*routed->decision, services_.keys.charges);
  target.decision = std::move(routed->decision);
  return target;
}

/// Another model, by a decision of its own among those that are left: so the failure stays what
/// came of the first decision, and the second has the probabilities that it was drawn with.
Result<Api::ChatTarget> Api::choose_next(ChatRun& run, const ChatTarget& failed) {
  // The flag is only ever set here: a slow encoder may have set it too.
  if (!failed.logged) run.options.baseline_only = true;
  leave_out_failed(run);
  run.options.features = failed.decision->features.values;
  return choose_routed(run);
}

/// Models that cannot be called now, and those that failed for this query, are not to be chosen.
void Api::leave_out_failed(ChatRun& run) {
  std::vector<std::string>& down = run.options.down;
  down = unavailable_models(run.query);
  down.resize(services_.pool.models().size());
  for (const FailedAttempt& each : run.failed) {
    down[index_of(*each.model)] =
        "failed for this query in decision " + each.decision.str() + ": " + each.unquoted;
  }
}

/// A model that the client named is the only one that will do.
bool Api::may_try_another(const ChatRun& run, const ChatAttempt& attempt) const {
  return attempt.failed() && run.service != nullptr && run.attempts < services_.max_attempts &&
         !run.client_gone && SteadyClock::now() < run.deadline;
}

asio::awaitable<HttpResponse> Api::chat(HttpRequest request, Caller caller) {
  co_return co_await serve(std::move(request), std::move(caller), env::ApiRoute::chat_completions);
}

asio::awaitable<HttpResponse> Api::messages(HttpRequest request, Caller caller) {
  co_return co_await serve(std::move(request), std::move(caller), env::ApiRoute::messages);
}

asio::awaitable<HttpResponse> Api::serve(HttpRequest request, Caller caller, env::ApiRoute route) {
  const auto start = SteadyClock::now();
  auto query = parse(route, request.body());
  if (!query) co_return to_response(query.error());
  if (query->is_short_form) {
    co_return error_response(400,
                             "'messages' is missing; the short form {\"query\": ...} is for "
                             "/v1/route",
                             {}, "messages");
  }
  if (query->requested_model.empty()) {
    co_return error_response(400, "'model' is missing; send \"auto\" to route", {}, "model");
  }
  auto options = read_route_headers(request);
  if (!options) co_return to_response(options.error());
  if (auto refused = admit(caller, *query, *options)) co_return std::move(*refused);
  auto run = std::make_shared<ChatRun>(std::move(request), std::move(*query), route, start);
  run->options = std::move(*options);
  run->options.query = &run->query;
  find_session(caller, run->options);
  run->access = std::move(caller.access);
  auto target = co_await choose_first(*run);
  if (!target) co_return model_refused(target.error());
  co_return co_await answer_chat(run, std::move(*target));
}

/// Calls the model, and while models fail the next that the policy draws.
asio::awaitable<HttpResponse> Api::answer_chat(std::shared_ptr<ChatRun> run, ChatTarget target) {
  while (true) {
    const std::shared_ptr<ChatLeg> leg = co_await call_models(run, std::move(target));
    if (leg == nullptr) {
      co_return error_response(kClientLeft, "the client left before the answer was there");
    }
    if (!may_try_another(*run, leg->attempt)) {
      co_return chat_response(*run, std::move(leg->target), std::move(leg->attempt));
    }
    auto next = choose_next(*run, leg->target);
    if (!next) co_return chat_response(*run, std::move(leg->target), std::move(leg->attempt));
    target = std::move(*next);
  }
}

/// A query that is asked again says that the answer before did not do.
void Api::note_answer(const ChatRun& run, const ChatTarget& target) {
  if (!services_.regenerations || !target.logged || run.query.conversation == 0) return;
  const ApiKey* key = run.options.hold.key();
  std::string who = std::to_string(run.query.conversation);
  for (const std::string_view part :
       {std::string_view(key != nullptr ? key->name : ""), std::string_view(run.query.user),
        std::string_view(run.options.session.given)}) {
    who.append("/").append(part);
  }
  const auto before = services_.regenerations->note(who, target.decision->id, services_.clock());
  if (!before) return;
  metrics_of(*target.model).regenerations.add();
  std::vector<replay::FeedbackItem> items;
  for (const env::MetricSpec& metric : services_.own_metrics) {
    if (metric.source != env::MetricSpec::Source::regeneration) continue;
    items.push_back(own_feedback(metric, *before, std::min(1.0, metric.max), services_.clock()));
  }
  give_feedback(std::move(items));
}

HttpResponse Api::chat_response(ChatRun& run, ChatTarget target, ChatAttempt attempt) {
  HttpResponse response;
  if (attempt.failed()) {
    response = failure_response(run.failed);
  } else {
    if (attempt.success()) note_answer(run, target);
    response.status = attempt.answer->status;
    response.content_type = attempt.answer->content_type;
    response.body = std::move(attempt.answer->body);
  }
  if (attempt.stream) {
    response.headers.add("Cache-Control", "no-cache");
    response.headers.add("X-Accel-Buffering", "no");
  }
  if (target.logged) {
    add_decision_headers(*target.decision, response);
  } else if (target.passed) {
    response.headers.add("x-yardmaster-model", target.model->name);
  } else {
    add_degraded_headers(*target.decision, response);
  }
  response.headers.add("x-yardmaster-attempts", std::uint64_t{run.attempts} + run.retries);
  if (!run.hedge.empty()) response.headers.add("x-yardmaster-hedge", run.hedge);
  if (const auto cost_usd = cost_of_usage(*target.model, attempt.usage)) {
    response.headers.add("x-yardmaster-cost-usd", *cost_usd);
  }
  const double overhead_us = std::max(0.0, microseconds_since(run.start) - run.upstream_s * 1e6);
  context_.metrics->overhead.record_us(overhead_us);
  response.headers.add("x-yardmaster-overhead-us", static_cast<std::uint64_t>(overhead_us));
  if (attempt.stream) {
    response.stream =
        std::make_unique<ChatStream>(*this, run, std::move(target), std::move(attempt));
  }
  return response;
}

}  // namespace yardmaster::agent
