// What an API key limits: models, requests and tokens a minute, money a day.

#include <algorithm>
#include <cstdio>

#include "agent/api/api.h"
#include "agent/api/chat_run.h"
#include "agent/api/request_options.h"
#include "base/json_text.h"

namespace yardmaster::agent {

namespace {

/// As OpenAI writes them: "120ms", "1.5s", "2m30s".
std::string duration_text(std::chrono::microseconds duration) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  if (ms < 1000) return std::to_string(ms) + "ms";
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%gs", static_cast<double>(ms % 60'000) / 1000);
  return (ms < 60'000 ? "" : std::to_string(ms / 60'000) + "m") + seconds;
}

void add_headers(const std::string& what, const std::optional<LimitStanding>& standing,
                 HttpResponse& response) {
  if (!standing) return;
  auto& headers = response.headers;
  headers.add("x-ratelimit-limit-" + what, standing->limit);
  headers.add("x-ratelimit-remaining-" + what, standing->remaining);
  headers.add("x-ratelimit-reset-" + what, duration_text(standing->until_full));
}

HttpResponse refusal_of(const ApiKey& key, const OverLimit& over) {
  const std::string name = "key '" + key.name + "' ";
  const std::string in = duration_text(over.retry_after);
  std::string message;
  switch (over.what) {
    case OverLimit::What::requests:
      message = name + "may send " + std::to_string(key.requests_per_minute) +
                " requests a minute; send the next in " + in;
      break;
    case OverLimit::What::tokens:
      message = name + "may use " + std::to_string(key.tokens_per_minute) +
                " tokens a minute; send this again in " + in + ", or ask for fewer by max_tokens";
      break;
    case OverLimit::What::feedback:
      message = name + "may send " + std::to_string(key.feedback_per_minute) +
                " values of feedback a minute; send these again in " + in;
      break;
    case OverLimit::What::budget:
      message = name + "has spent its " + number_text(key.budget_usd_per_day) +
                " USD of this UTC day; wait for the next, or have its budget raised";
      break;
  }
  const bool budget = over.what == OverLimit::What::budget;
  HttpResponse response =
      error_response(429, message, budget ? "budget_exceeded" : "rate_limit_exceeded");
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(over.retry_after).count();
  response.headers.add("Retry-After", std::to_string(std::max<long>(1, seconds)));
  return response;
}

}  // namespace

/// The answer of a key that may send nothing now.
std::optional<HttpResponse> Api::take_request(const Caller& caller) {
  const auto over = caller.key->account->take_request(services_.clock());
  if (!over) return std::nullopt;
  return refusal_of(caller.key->key, *over);
}

/// The answer of a key that may not say so much now; nothing of it is stored.
std::optional<HttpResponse> Api::take_feedback(const Caller& caller, std::size_t values) {
  if (caller.key == nullptr) return std::nullopt;
  const auto over = caller.key->account->take_feedback(values, services_.clock());
  if (!over) return std::nullopt;
  return refusal_of(caller.key->key, *over);
}

/// Binds the request to the key that it came with, and takes the tokens that it is expected to
/// need; or the answer of a key that may not send it.
std::optional<HttpResponse> Api::admit(const Caller& caller, const env::Query& query,
                                       RouteRequest& request) {
  if (caller.key == nullptr) return std::nullopt;
  const ApiKey& key = caller.key->key;
  const std::string& model = query.requested_model;
  const bool named = services_.find_router(model) == nullptr && services_.pool.find(model);
  if (named && !key.may_use(model)) {
    return error_response(403,
                          "key '" + key.name + "' may not use model '" + model +
                              "'; GET /v1/models lists those that it may, \"auto\" routes",
                          "model_not_allowed", "model");
  }
  const double tokens = services_.tokens.estimate(query) + expected_output_tokens(query);
  if (const auto over = caller.key->account->take_tokens(tokens, services_.clock())) {
    return refusal_of(key, *over);
  }
  request.hold = KeyHold(caller.key, tokens);
  return std::nullopt;
}

/// What is called beside a slow model breaks no limit of the key that asks: models that its day's
/// budget does not pay for are not to be chosen. Fails where its tokens of the minute do not last.
Status Api::leave_out_unaffordable(ChatRun& run) const {
  const auto standing = run.options.hold.standing(services_.clock());
  if (!standing) return {};
  const double input = services_.tokens.estimate(run.query);
  const double output = expected_output_tokens(run.query);
  if (const auto& tokens = standing->tokens) {
    const double needed = std::min(input + output, static_cast<double>(tokens->limit));
    if (static_cast<double>(tokens->remaining) < needed) {
      return fail(ErrorCode::unavailable, "the key's tokens of the minute are used up");
    }
  }
  if (standing->budget_usd_per_day <= 0) return {};
  const double left = standing->budget_usd_per_day - standing->spent_today_usd;
  for (std::size_t i = 0; i < services_.pool.models().size(); ++i) {
    const double cost = services_.pool.models()[i].cost_usd(input, output).value_or(0);
    std::string& reason = run.options.down[i];
    if (cost > left && reason.empty()) {
      reason = "over the day's budget of key '" + run.options.hold.key()->name +
               "': it is expected to cost " + number_text(cost) + " USD";
    }
  }
  return {};
}

void Api::add_limit_headers(const Caller& caller, HttpResponse& response) {
  if (!caller.key->key.limits_rate()) return;
  const KeyStanding standing = caller.key->account->standing(services_.clock());
  add_headers("requests", standing.requests, response);
  add_headers("tokens", standing.tokens, response);
}

}  // namespace yardmaster::agent
