// POST /v1/chat/completions: choose, log, call the upstream, report the outcome.

#include <spdlog/spdlog.h>

#include <chrono>

#include "agent/api/api.h"
#include "agent/api/request_options.h"
#include "agent/budget/restore.h"

namespace yardmaster::agent {

namespace asio = boost::asio;

namespace {

using SteadyClock = std::chrono::steady_clock;

double microseconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double, std::micro>(SteadyClock::now() - start).count();
}

bool is_success(unsigned status) { return status >= 200 && status < 300; }

/// The client's own mistakes, which another model would answer alike: passed on as they came.
bool is_clients_fault(unsigned status) {
  return status == 400 || status == 404 || status == 413 || status == 415 || status == 422;
}

std::string attempt(const Decision& decision, const env::ModelSpec& model, std::string_view what) {
  return "model '" + decision.model() + "' at upstream '" + model.upstream + "' " +
         std::string(what);
}

/// What the client gets for an upstream's failure.
HttpResponse upstream_failure(const Decision& decision, const env::ModelSpec& model,
                              const Result<env::ChatAnswer>& answer) {
  if (!answer) {
    return error_response(answer.error().code == ErrorCode::timed_out ? 504 : 502,
                          attempt(decision, model, "failed: " + answer.error().message),
                          "upstream_error");
  }
  if (is_clients_fault(answer->status)) {
    HttpResponse response;
    response.status = answer->status;
    response.content_type = answer->content_type;
    response.body = answer->body;
    return response;
  }
  HttpResponse response =
      error_response(answer->status == 429 ? 429 : 502,
                     attempt(decision, model,
                             "answered HTTP " + std::to_string(answer->status) +
                                 "; try again, or exclude it by x-yardmaster-deny-models"),
                     answer->status == 429 ? "rate_limit_exceeded" : "upstream_error");
  if (answer->status == 429) {
    response.headers.emplace_back("Retry-After",
                                  answer->retry_after.empty() ? "1" : answer->retry_after);
  }
  return response;
}

Outcome outcome_of(const Result<env::ChatAnswer>& answer, const env::Usage& usage,
                   const env::ModelSpec& model, Timestamp now) {
  Outcome outcome;
  outcome.time = now;
  if (!answer) {
    outcome.status = Outcome::Status::error;
    outcome.error = answer.error().message;
    return outcome;
  }
  outcome.latency_s = answer->latency_s;
  if (!is_success(answer->status)) {
    outcome.status = Outcome::Status::error;
    outcome.error = "HTTP " + std::to_string(answer->status);
    return outcome;
  }
  outcome.input_tokens = usage.input_tokens;
  outcome.output_tokens = usage.output_tokens;
  if (usage.input_tokens && usage.output_tokens) {
    outcome.cost_usd = model.cost_usd(static_cast<double>(*usage.input_tokens),
                                      static_cast<double>(*usage.output_tokens));
  }
  return outcome;
}

}  // namespace

/// A model for the query and the decision that chose it.
struct Api::ChatTarget {
  Decision decision;
  const env::ModelSpec* model = nullptr;
  bool logged = false;
};

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

asio::awaitable<Result<env::ChatAnswer>> Api::call_upstream(const env::ModelSpec& model,
                                                            std::string body,
                                                            std::string traceparent) {
  const auto upstream = context_.upstreams.find(model.upstream);
  if (upstream == context_.upstreams.end()) {
    co_return fail(ErrorCode::unavailable, "upstream '" + model.upstream + "' is not running");
  }
  env::ChatCall call;
  call.model = &model;
  call.body =
      env::splice_model(body, model.upstream_model.empty() ? model.name : model.upstream_model);
  call.traceparent = std::move(traceparent);
  co_return co_await upstream->second->chat(std::move(call));
}

asio::awaitable<HttpResponse> Api::chat(HttpRequest request, Caller) {
  const auto start = SteadyClock::now();
  auto query = env::parse_query(request.body());
  if (!query) co_return to_response(query.error());
  if (query->stream) {
    co_return error_response(400, "streaming is not supported yet; send \"stream\": false",
                             "unsupported_value", "stream");
  }
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

  const env::ModelSpec& model = *target->model;
  const auto upstream_start = SteadyClock::now();
  const Result<env::ChatAnswer> answer = co_await call_upstream(
      model, std::move(request.body()), std::string(header(request, "traceparent")));
  const double upstream_us = microseconds_since(upstream_start);

  const bool success = answer && is_success(answer->status);
  const env::Usage usage = success ? env::read_usage(answer->body) : env::Usage{};
  count_upstream(model, success, upstream_us);
  if (usage.input_tokens) {
    services_.tokens.observe(model.name, query->prompt_bytes, *usage.input_tokens);
  }
  // The client's own mistake says nothing about the model, so there is nothing to learn from it.
  const bool clients_fault = answer && is_clients_fault(answer->status);
  Outcome outcome = outcome_of(answer, usage, model, services_.clock());
  if (target->logged && !clients_fault) {
    const Status reported =
        co_await log_outcome(target->decision.id, std::move(outcome), usage.response_id);
    if (!reported) spdlog::warn("an outcome is lost: {}", reported.error().message);
  } else {
    count_cost(target->decision.id, cost_of(outcome));
  }

  HttpResponse response;
  if (success) {
    response.content_type = answer->content_type;
    response.body = answer->body;
  } else {
    response = upstream_failure(target->decision, model, answer);
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
  co_return response;
}

void Api::count_upstream(const env::ModelSpec& model, bool success, double latency_us) {
  auto& metrics =
      context_.metrics->models[static_cast<std::size_t>(&model - services_.pool.models().data())];
  if (!success) metrics.upstream_errors.add();
  metrics.upstream_latency.record_us(latency_us);
}

}  // namespace yardmaster::agent
