#include "agent/api/api.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "agent/api/access.h"
#include "agent/api/error_shapes.h"
#include "agent/api/request_options.h"

namespace yardmaster::agent {

namespace asio = boost::asio;

struct Api::Endpoint {
  std::string_view method;
  std::string_view path;  ///< ends with '/' where an id follows
  ServingMetrics::Endpoint label;
  Method handler;
  std::optional<Scope> scope;  ///< nothing: open to all
};

namespace {

/// JSON by any of its names, nothing, or what curl and simple clients send by default.
bool is_json_type(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find_first_of("; "));
  return type.empty() || type == "application/json" || type == "text/json" ||
         type.ends_with("+json") || type == "text/plain" ||
         type == "application/x-www-form-urlencoded" || type == "application/octet-stream";
}

bool takes(std::string_view endpoints_method, std::string_view method) {
  return method == endpoints_method || (method == "HEAD" && endpoints_method == "GET");
}

/// What the limits of keys are about.
bool is_limited(ServingMetrics::Endpoint label) {
  using enum ServingMetrics::Endpoint;
  return label == route || label == chat || label == messages || label == embeddings ||
         label == responses || label == completions;
}

/// A bearer token, or the key as Anthropic's clients send it.
std::string authorization_of(const HttpRequest& request) {
  const std::string_view authorization = header(request, "authorization");
  const std::string_view key = header(request, "x-api-key");
  if (!authorization.empty() || key.empty()) return std::string(authorization);
  return "Bearer " + std::string(key);
}

HttpResponse refusal_response(const AuthRefusal& refusal) {
  HttpResponse response = error_response(refusal.status, refusal.message, refusal.code);
  if (refusal.status == 401) response.headers.add("WWW-Authenticate", "Bearer");
  return response;
}

/// For one more wrong key of a source that has sent too many. Right ones are served all the same:
/// many clients may share an address, and one that is set up wrongly must not stop the others.
HttpResponse put_off(std::chrono::microseconds wait) {
  HttpResponse response = error_response(
      429, "too many wrong API keys came from this address, and this is another; send a right one",
      "too_many_wrong_keys");
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  response.headers.add("Retry-After", std::to_string(seconds));
  return response;
}

}  // namespace

/// The route of that path that takes the method, or one that takes another.
const Api::Endpoint* Api::find_endpoint(std::string_view method, std::string_view path) {
  using enum ServingMetrics::Endpoint;
  static constexpr std::array kEndpoints{
      Endpoint{"POST", "/v1/route", route, &Api::route, kScopeRoute},
      Endpoint{"POST", "/v1/chat/completions", chat, &Api::chat, kScopeRoute},
      Endpoint{"POST", "/v1/messages", messages, &Api::messages, kScopeRoute},
      Endpoint{"POST", "/v1/embeddings", embeddings, &Api::embeddings, kScopeRoute},
      Endpoint{"POST", "/v1/responses", responses, &Api::responses, kScopeRoute},
      Endpoint{"POST", "/v1/completions", completions, &Api::completions, kScopeRoute},
      Endpoint{"POST", "/v1/outcomes", outcomes, &Api::outcomes, kScopeRoute},
      Endpoint{"POST", "/v1/feedback", feedback, &Api::feedback, kScopeFeedback},
      Endpoint{"GET", "/v1/models", models, &Api::models, kScopeRoute},
      Endpoint{"GET", "/v1/decisions/", decisions, &Api::decision, kScopeFeedback},
      Endpoint{"GET", "/v1/admin/policy", admin, &Api::policy_status, kScopeAdmin},
      Endpoint{"POST", "/v1/admin/policy/checkpoint", admin, &Api::policy_checkpoint, kScopeAdmin},
      Endpoint{"POST", "/v1/admin/policy/rollback", admin, &Api::policy_rollback, kScopeAdmin},
      Endpoint{"POST", "/v1/admin/policy/promote", admin, &Api::policy_promote, kScopeAdmin},
      Endpoint{"GET", "/v1/admin/learner", admin, &Api::learner_status, kScopeAdmin},
      Endpoint{"POST", "/v1/admin/learner/pause", admin, &Api::learner_pause, kScopeAdmin},
      Endpoint{"POST", "/v1/admin/learner/resume", admin, &Api::learner_resume, kScopeAdmin},
      Endpoint{"POST", "/v1/admin/reload", admin, &Api::reload, kScopeAdmin},
      Endpoint{"POST", "/v1/admin/backup", admin, &Api::backup, kScopeAdmin},
      Endpoint{"GET", "/v1/admin/feedback", admin, &Api::feedback_report, kScopeAdmin},
      Endpoint{"GET", "/v1/admin/keys", admin, &Api::keys_list, kScopeAdmin},
      Endpoint{"POST", "/v1/admin/keys", admin, &Api::keys_add, kScopeAdmin},
      Endpoint{"DELETE", "/v1/admin/keys/", admin, &Api::keys_revoke, kScopeAdmin},
      Endpoint{"GET", "/metrics", other, &Api::prometheus_metrics, std::nullopt},
      Endpoint{"GET", "/healthz", other, &Api::healthz, std::nullopt},
      Endpoint{"GET", "/readyz", other, &Api::readyz, std::nullopt},
      Endpoint{"GET", "/openapi.json", other, &Api::openapi, std::nullopt},
  };
  const Endpoint* nearest = nullptr;
  for (const Endpoint& each : kEndpoints) {
    if (each.path.ends_with('/') ? !path.starts_with(each.path) : path != each.path) continue;
    if (takes(each.method, method)) return &each;
    nearest = &each;
  }
  return nearest;
}

/// Checks the key, then its limits where the route has any, then answers.
asio::awaitable<HttpResponse> Api::answer(const Endpoint& endpoint, HttpRequest request,
                                          std::shared_ptr<AccessEntry> access) {
  HttpResponse response;
  Caller caller;
  if (endpoint.scope) {
    const KeySet& keys = *context_.keys->current();
    const Timestamp now = services_.clock();
    const std::string authorization = authorization_of(request);
    auto checked = keys.check(authorization, *endpoint.scope, now);
    if (!checked) {
      // One that leaves the key out, or sends one that was revoked, does not guess.
      const bool guessed = checked.error().code == kWrongKey && !authorization.empty();
      const auto wait = context_.wrong_keys.wait(request.source, now);
      if (guessed && wait > wait.zero()) co_return put_off(wait);
      if (guessed) context_.wrong_keys.add(request.source, now);
      co_return refusal_response(checked.error());
    }
    caller = std::move(*checked);
    if (access) access->key = caller.name;
    caller.access = std::move(access);
  }
  if (is_limited(endpoint.label) && caller.key != nullptr) {
    if (auto refused = take_request(caller)) {
      response = std::move(*refused);
    } else {
      response = co_await (this->*endpoint.handler)(std::move(request), caller);
    }
    add_limit_headers(caller, response);
    co_return response;
  }
  response = co_await (this->*endpoint.handler)(std::move(request), std::move(caller));
  co_return response;
}

asio::awaitable<HttpResponse> Api::handle(HttpRequest request) {
  const std::string target(request.target());
  const std::string_view path = std::string_view(target).substr(0, target.find('?'));
  const std::string_view method(request.method_string().data(), request.method_string().size());
  const Endpoint* endpoint = find_endpoint(method, path);
  std::shared_ptr<AccessEntry> access;
  const auto start = std::chrono::steady_clock::now();
  if (services_.access_log) {
    access = std::make_shared<AccessEntry>();
    access->time = services_.clock();
    access->method = method_name(request.method());
    access->route = endpoint != nullptr ? endpoint->path : "unknown";
  }
  HttpResponse response;
  if (endpoint == nullptr) {
    response = error_response(404, "there is no route " + std::string(path.substr(0, 128)) +
                                       "; GET /openapi.json lists what there is");
  } else if (!takes(endpoint->method, method)) {
    response = error_response(
        405, std::string(endpoint->path) + " takes " + std::string(endpoint->method) + " only");
    response.headers.add("Allow", endpoint->method);
  } else if (method == "POST" && !is_json_type(header(request, "content-type"))) {
    response = error_response(415, "the content type is not JSON; send application/json");
  } else if (services_.retired.load(std::memory_order_relaxed) &&
             endpoint->label == ServingMetrics::Endpoint::admin) {
    response = error_response(503, "the config was reloaded; send it again", "reloaded");
    response.headers.add("Retry-After", "0");
  } else {
    response = co_await answer(*endpoint, std::move(request), access);
  }
  const auto label = endpoint != nullptr ? endpoint->label : ServingMetrics::Endpoint::other;
  shape_error(target, response);
  context_.metrics->requests(label, response.status).add();
  if (access) log_access(*services_.access_log, std::move(access), start, response);
  co_return response;
}

}  // namespace yardmaster::agent
