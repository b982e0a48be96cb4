// POST /v1/chat/completions: choose, log, call the upstream, report the outcome.

#include <spdlog/spdlog.h>

#include <chrono>

#include "agent/api/api.h"
#include "agent/api/chat_stream.h"
#include "agent/api/request_options.h"
#include "agent/budget/restore.h"

namespace yardmaster::agent {

namespace asio = boost::asio;

namespace {

using SteadyClock = std::chrono::steady_clock;

double microseconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double, std::micro>(SteadyClock::now() - start).count();
}

}  // namespace

/// A decision for a client that names its model: nothing to choose, so propensity 1.
Decision Api::direct_decision(const env::ModelSpec& model, const RouteRequest& options) {
  Decision decision;
  decision.time = services_.clock();
  decision.id = DecisionId::make(decision.time, context_.rng);
  decision.session_id = options.session_id;
  decision.candidates = {model.name};
  decision.propensities = {1.0};
  services_.routers.front().router->describe(options, decision);
  decision.price_reference = model.price_reference();
  return decision;
}

asio::awaitable<Result<Api::ChatTarget>> Api::choose_chat_model(const HttpRequest& request,
                                                                const env::Query& query) {
  auto options = read_route_headers(request);
  if (!options) co_return fail(options.error());
  options->query = &query;
  options->needs_upstream = true;

  ChatTarget target;
  target.prompt_bytes = query.prompt_bytes;
  const RouterService* service = services_.find_router(query.requested_model);
  if (service == nullptr) {
    target.model = services_.pool.find(query.requested_model);
    if (target.model != nullptr && target.model->upstream.empty()) {
      co_return fail(ErrorCode::not_found, "no upstream serves model '" + query.requested_model +
                                               "', so only /v1/route can choose it; name an "
                                               "upstream for it in the config");
    }
    if (target.model == nullptr) {
      co_return fail(ErrorCode::not_found,
                     "there is no model or router '" + query.requested_model +
                         "' to send this to; GET /v1/models lists them, \"auto\" routes");
    }
    const RouterService& first = services_.routers.front();
    if (first.encoding != nullptr) co_await encode(first, *options);
    target.decision = direct_decision(*target.model, *options);
    target.logged = (co_await log_decision(target.decision)).has_value();
    co_return target;
  }
  options->baseline_only = services_.store_failed.load(std::memory_order_relaxed);
  if (service->encoding != nullptr) co_await encode(*service, *options);
  auto routed = decide(*service, *options);
  if (!routed) co_return fail(routed.error());
  target.logged = (co_await log_decision(routed->decision)).has_value();
  if (!target.logged && !options->baseline_only) {
    options->baseline_only = true;
    take_back(*service, *routed);
    routed = decide(*service, *options);
    if (!routed) co_return fail(routed.error());
  }
  count_decision(*routed, target.logged);
  target.model = routed->model;
  target.decision = std::move(routed->decision);
  co_return target;
}

asio::awaitable<ChatAttempt> Api::call_model(const env::ModelSpec& model,
                                             const HttpRequest& request, ChatForm form) {
  env::ChatCall call;
  call.model = &model;
  call.body = env::splice_model(request.body(),
                                model.upstream_model.empty() ? model.name : model.upstream_model);
  call.traceparent = header(request, "traceparent");
  const auto upstream = context_.upstreams.find(model.upstream);
  env::Upstream* const found =
      upstream == context_.upstreams.end() ? nullptr : upstream->second.get();
  if (form.stream && !form.wants_usage && found != nullptr && found->tells_stream_usage()) {
    call.body = env::splice_stream_usage(call.body);
  }
  ChatAttempt attempt = co_await attempt_chat(found, std::move(call), form);
  if (attempt.stream) {
    count_first_token(model, *attempt.first_token_s);
  } else {
    count_upstream(model, attempt.success(), attempt.wall_s * 1e6);
  }
  co_return attempt;
}

/// Logs what came of a decision, or where it is not logged counts its cost at least.
asio::awaitable<void> Api::record(const ChatTarget& target, Outcome outcome,
                                  const env::Usage& usage) {
  if (usage.input_tokens) {
    services_.tokens.observe(target.model->name, target.prompt_bytes, *usage.input_tokens);
  }
  if (!target.logged) {
    count_cost(target.decision.id, cost_of(outcome));
    co_return;
  }
  const Status reported =
      co_await log_outcome(target.decision.id, std::move(outcome), usage.response_id);
  if (!reported) spdlog::warn("an outcome is lost: {}", reported.error().message);
}

asio::awaitable<HttpResponse> Api::chat(HttpRequest request, Caller) {
  const auto start = SteadyClock::now();
  auto query = env::parse_query(request.body());
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
  auto target = co_await choose_chat_model(request, *query);
  if (!target) co_return to_response(target.error());

  const ChatForm form{query->stream, query->wants_stream_usage};
  ChatAttempt attempt = co_await call_model(*target->model, request, form);
  const double upstream_us = attempt.wall_s * 1e6;
  HttpResponse response;
  // The client's own mistake says nothing about the model, so there is nothing to learn from it.
  if (attempt.clients_fault()) {
    count_cost(target->decision.id, 0);
  } else if (!attempt.stream) {
    co_await record(*target, outcome_of(attempt, services_.clock()), attempt.usage);
  }
  if (attempt.stream) {
    response.content_type = attempt.answer->content_type;
    response.headers.emplace_back("Cache-Control", "no-cache");
    response.headers.emplace_back("X-Accel-Buffering", "no");
  } else if (attempt.success()) {
    response.content_type = attempt.answer->content_type;
    response.body = std::move(attempt.answer->body);
  } else {
    response = failure_response(attempt);
  }
  if (target->logged) {
    add_decision_headers(target->decision, response);
  } else {
    add_degraded_headers(target->decision, response);
  }
  response.headers.emplace_back("x-yardmaster-attempts", "1");
  const double overhead_us = std::max(0.0, microseconds_since(start) - upstream_us);
  context_.metrics->overhead.record_us(overhead_us);
  response.headers.emplace_back("x-yardmaster-overhead-us",
                                std::to_string(static_cast<std::uint64_t>(overhead_us)));
  if (attempt.stream) {
    response.stream = std::make_unique<ChatStream>(*this, std::move(*target), std::move(attempt));
  }
  co_return response;
}

ServingMetrics::Model& Api::metrics_of(const env::ModelSpec& model) {
  return context_.metrics
      ->models[static_cast<std::size_t>(&model - services_.pool.models().data())];
}

void Api::count_upstream(const env::ModelSpec& model, bool success, double latency_us) {
  if (!success) metrics_of(model).upstream_errors.add();
  metrics_of(model).upstream_latency.record_us(latency_us);
}

void Api::count_first_token(const env::ModelSpec& model, double first_token_s) {
  metrics_of(model).first_token.record_us(first_token_s * 1e6);
}

}  // namespace yardmaster::agent
