// POST /v1/chat/completions and /v1/messages: choose, log, call the upstream, report the outcome;
// and again with another model where that fails.

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "agent/api/access.h"
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

/// Routes whose streams tell their usage only when stream_options ask for it.
bool has_stream_options(env::ApiRoute route) {
  return route == env::ApiRoute::chat_completions || route == env::ApiRoute::completions;
}

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
  target.load = begin_call(*target.model, run.query);
  co_await encode(services_.routers.front(), run.options);
  target.decision = direct_decision(*target.model, run.options);
  target.log = begin_log(target.decision);
  count_choice(*target.model, false);
  run.options.hold.charge(target.decision, services_.keys.charges);
  co_return target;
}

Result<Api::ChatTarget> Api::choose_routed(ChatRun& run) {
  const RouterService& service = *run.service;
  ChatTarget target;
  target.prompt_bytes = run.query.prompt_bytes;
  auto routed = decide(service, run.options);
  if (!routed) return fail(routed.error());
  target.load = begin_call(*routed->model, run.query);
  target.log = begin_log(routed->decision);
  count_decision(*routed, true);
  remember_turn(run.options, routed->decision);
  run.options.hold.charge(routed->decision, services_.keys.charges);
  target.model = routed->model;
  target.decision = std::move(routed->decision);
  return target;
}

/// Another model, by a decision of its own among those that are left: so the failure stays what
/// came of the first decision, and the second has the probabilities that it was drawn with.
Result<Api::ChatTarget> Api::choose_next(ChatRun& run, const ChatTarget& failed) {
  // The flag is only ever set here: a slow encoder may have set it too.
  if (!failed.logged) run.options.baseline_only = true;
  std::vector<std::string>& down = run.options.down;
  down = unavailable_models(run.query);
  down.resize(services_.pool.models().size());
  for (const FailedAttempt& each : run.failed) {
    down[index_of(*each.model)] =
        "failed for this query in decision " + each.decision.str() + ": " + each.what;
  }
  run.options.features = failed.decision.features.values;
  return choose_routed(run);
}

env::ChatCall Api::make_call(ChatRun& run, const env::ModelSpec& model,
                             const env::Upstream* upstream) {
  env::ChatCall call;
  call.model = &model;
  call.body = env::splice_model(run.request.body(),
                                model.upstream_model.empty() ? model.name : model.upstream_model);
  call.traceparent = header(run.request, "traceparent");
  call.tracestate = header(run.request, "tracestate");
  call.route = run.route;
  if (run.route == env::ApiRoute::messages) {
    call.anthropic_version = header(run.request, "anthropic-version");
    call.anthropic_beta = header(run.request, "anthropic-beta");
  }
  if (upstream != nullptr) {
    call.deadline = run.deadline;
    if (run.query.stream && !run.query.wants_stream_usage && upstream->spec().stream_usage &&
        has_stream_options(run.route)) {
      call.body = env::splice_stream_usage(call.body);
    }
  }
  return call;
}

/// While the attempt surely did nothing and the settings allow it: the same call again.
asio::awaitable<void> Api::retry_call(ChatRun& run, ChatTarget& target, ChatAttempt& attempt) {
  const env::ModelSpec& model = *target.model;
  env::Upstream* const upstream = upstream_of(model);
  const ChatForm form{run.query.stream, run.query.wants_stream_usage};
  for (std::uint32_t retries = 0;; ++retries) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(run.deadline - SteadyClock::now());
    const auto wait = wait_before_retry(services_.retry,
                                        retry_case_of(attempt, services_.retry, services_.clock()),
                                        retries, left, context_.rng.uniform());
    if (!wait) co_return;
    const auto failed_at = SteadyClock::now();
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, *wait);
    co_await timer.async_wait(asio::use_awaitable);
    const double waited_s = microseconds_since(failed_at) * 1e-6;
    ++run.retries;
    target.load.again();
    metrics_of(model).retries.add();
    metrics_of(model).upstream_errors.add();
    ChatAttempt again = co_await attempt_chat(upstream, make_call(run, model, upstream), form);
    follow_on(attempt, waited_s, again);
    attempt = std::move(again);
  }
}

asio::awaitable<ChatAttempt> Api::call_model(ChatRun& run, ChatTarget& target) {
  const env::ModelSpec& model = *target.model;
  const ChatForm form{run.query.stream, run.query.wants_stream_usage};
  env::Upstream* const upstream = upstream_of(model);
  if (run.attempts == 0 && upstream != nullptr) {
    run.deadline = run.start + upstream->spec().total_timeout;
  }
  if (run.attempts++ > 0) metrics_of(model).fallbacks.add();
  ChatAttempt attempt = co_await attempt_chat(upstream, make_call(run, model, upstream), form);
  if (attempt.failed() && upstream != nullptr) co_await retry_call(run, target, attempt);
  run.upstream_s += attempt.wall_s;
  if (attempt.stream) {
    count_first_token(model, *attempt.first_token_s);
  } else {
    count_upstream(model, attempt.success(), attempt.wall_s * 1e6);
  }
  if (attempt.failed()) {
    run.failed.push_back(failed_attempt_of(attempt, target.decision.id));
    count_failure(model, call_failure_of(attempt, services_.clock()));
  } else if (services_.health.succeeded(index_of(model))) {
    spdlog::info("model '{}' is healthy again", model.name);
  }
  co_return attempt;
}

/// A model that the client named is the only one that will do.
bool Api::may_try_another(const ChatRun& run, const ChatAttempt& attempt) const {
  return attempt.failed() && run.service != nullptr && run.attempts < services_.max_attempts &&
         SteadyClock::now() < run.deadline;
}

/// The answer says nothing of the decision before the log has it. A store that fails has let those
/// explore unlogged that were decided before it said so; from then on the baseline answers.
asio::awaitable<void> Api::know_whether_logged(const ChatRun& run, ChatTarget& target) {
  if (target.log == nullptr) co_return;
  target.logged = (co_await finish_log(std::move(target.log))).has_value();
  // A decision without features has been counted; a named model has not.
  const bool counted = run.service != nullptr && target.decision.features.values.empty();
  if (!target.logged && !counted) context_.metrics->degraded.add();
}

/// Logs what came of a decision, or where it is not logged counts its cost at least.
asio::awaitable<void> Api::record(ChatTarget& target, Outcome outcome, const env::Usage& usage) {
  if (outcome.input_tokens && outcome.output_tokens) {
    target.load.used(static_cast<double>(*outcome.input_tokens + *outcome.output_tokens));
  } else if (outcome.status != Outcome::Status::ok) {
    target.load.used(0);
  }
  target.load.end();
  if (usage.finish == env::Finish::length) metrics_of(*target.model).truncations.add();
  if (usage.finish == env::Finish::refusal) metrics_of(*target.model).refusals.add();
  if (usage.input_tokens && !target.passed) {
    services_.tokens.observe(target.model->name, target.prompt_bytes, *usage.input_tokens);
  }
  if (!target.logged) {
    settle(target.decision.id, outcome);
    co_return;
  }
  auto measured = implicit_feedback(services_.own_metrics, target.decision.id, outcome,
                                    usage.finish.value_or(env::Finish::stop));
  const Status reported =
      co_await log_outcome(target.decision.id, std::move(outcome), usage.response_id);
  if (!reported) {
    spdlog::warn("an outcome is lost: {}", reported.error().message);
    co_return;
  }
  give_feedback(std::move(measured));
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
  options->query = &*query;
  ChatRun run{request, *query, start, route};
  run.options = std::move(*options);
  run.options.query = &run.query;
  find_session(caller, run.options);
  run.access = std::move(caller.access);
  auto target = co_await choose_first(run);
  if (!target) co_return model_refused(target.error());
  co_return co_await answer_chat(run, std::move(*target));
}

/// Calls the model, and while models fail the next that the policy draws.
asio::awaitable<HttpResponse> Api::answer_chat(ChatRun& run, ChatTarget target) {
  while (true) {
    ChatAttempt attempt = co_await call_model(run, target);
    co_await know_whether_logged(run, target);
    if (!attempt.stream) {
      count_call(run.route, *target.model, gen_ai_call_of(attempt));
      Outcome outcome = outcome_of(attempt, services_.clock());
      if (run.access) add_outcome(outcome, *run.access);
      co_await record(target, std::move(outcome), attempt.usage);
    }
    if (!may_try_another(run, attempt)) {
      co_return chat_response(run, std::move(target), std::move(attempt));
    }
    auto next = choose_next(run, target);
    if (!next) co_return chat_response(run, std::move(target), std::move(attempt));
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
  const auto before = services_.regenerations->note(who, target.decision.id, services_.clock());
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
    response.headers.emplace_back("Cache-Control", "no-cache");
    response.headers.emplace_back("X-Accel-Buffering", "no");
  }
  if (target.logged) {
    add_decision_headers(target.decision, response);
  } else if (target.passed) {
    response.headers.emplace_back("x-yardmaster-model", target.model->name);
  } else {
    add_degraded_headers(target.decision, response);
  }
  response.headers.emplace_back("x-yardmaster-attempts",
                                std::to_string(run.attempts + run.retries));
  if (const auto cost_usd = cost_of_usage(*target.model, attempt.usage)) {
    response.headers.emplace_back("x-yardmaster-cost-usd", number_text(*cost_usd));
  }
  const double overhead_us = std::max(0.0, microseconds_since(run.start) - run.upstream_s * 1e6);
  context_.metrics->overhead.record_us(overhead_us);
  response.headers.emplace_back("x-yardmaster-overhead-us",
                                std::to_string(static_cast<std::uint64_t>(overhead_us)));
  if (attempt.stream) {
    response.stream = std::make_unique<ChatStream>(*this, run.route, std::move(target),
                                                   std::move(attempt), run.access);
  }
  return response;
}

void Api::count_call(env::ApiRoute route, const env::ModelSpec& model, const GenAiCall& call) {
  metrics_of(model).gen_ai[GenAiMetrics::operation_of(route)].record(call);
}

void Api::count_failure(const env::ModelSpec& model, const CallFailure& failure) {
  if (services_.health.failed(index_of(model), failure, SteadyClock::now())) {
    const std::string hint =
        failure.refused ? "; check the api_key of upstream '" + model.upstream + "'" : "";
    spdlog::warn("model '{}' is not called for a while: {}{}", model.name, failure.what, hint);
  }
}

env::Upstream* Api::upstream_of(const env::ModelSpec& model) const {
  const auto found = context_.upstreams.find(model.upstream);
  return found == context_.upstreams.end() ? nullptr : found->second.get();
}

std::size_t Api::index_of(const env::ModelSpec& model) const {
  return static_cast<std::size_t>(&model - services_.pool.models().data());
}

ServingMetrics::Model& Api::metrics_of(const env::ModelSpec& model) {
  return context_.metrics->models[index_of(model)];
}

void Api::count_upstream(const env::ModelSpec& model, bool success, double latency_us) {
  if (!success) metrics_of(model).upstream_errors.add();
  metrics_of(model).upstream_latency.record_us(latency_us);
}

void Api::count_first_token(const env::ModelSpec& model, double first_token_s) {
  metrics_of(model).first_token.record_us(first_token_s * 1e6);
}

}  // namespace yardmaster::agent
