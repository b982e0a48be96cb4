// GET /v1/models, /v1/decisions/{id}, /metrics, /healthz, /readyz, /openapi.json.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <chrono>

#include "agent/api/api.h"
#include "agent/api/json_fields.h"
#include "agent/api/openapi.h"
#include "agent/api/prometheus.h"
#include "agent/api/request_options.h"
#include "base/json_text.h"
#include "env/candidate_filter.h"
#include "replay/decision_log.h"

namespace yardmaster::agent {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

template <class Number>
json::value number_or_null(const std::optional<Number>& number) {
  return number ? json::value(*number) : json::value(nullptr);
}

json::object model_object(std::string_view id, std::string_view owner) {
  return {{"id", id}, {"object", "model"}, {"created", 0}, {"owned_by", owner}};
}

json::object describe_health(const ModelHealth::Status& status) {
  json::object health{{"circuit", ModelHealth::name_of(status.state)}};
  if (status.reason.empty()) return health;
  health["reason"] = status.reason;
  health["retry_in_s"] = std::chrono::duration<double>(status.retry_in).count();
  return health;
}

/// nullptr: none serves the model.
json::value upstream_kind(const env::Upstream* upstream) {
  if (upstream == nullptr) return nullptr;
  switch (upstream->spec().kind) {
    case env::UpstreamSpec::Kind::openai:
      return "openai";
    case env::UpstreamSpec::Kind::anthropic:
      return "anthropic";
    case env::UpstreamSpec::Kind::simulated:
      return "simulated";
  }
  return nullptr;
}

json::object describe_model(const env::ModelSpec& model, const env::Upstream* upstream,
                            const ModelHealth::Status& status) {
  json::object object = model_object(model.name, model.upstream);
  object["yardmaster"] = {{"input_usd_per_mtok", number_or_null(model.input_usd_per_mtok)},
                          {"output_usd_per_mtok", number_or_null(model.output_usd_per_mtok)},
                          {"context_tokens", number_or_null(model.context_tokens)},
                          {"tags", json::array(model.tags.begin(), model.tags.end())},
                          {"health", describe_health(status)},
                          {"upstream_kind", upstream_kind(upstream)}};
  return object;
}

bool may_use(const ApiKey& key, const env::ModelSpec& model) {
  const env::TagRule rule{"the API key", key.require_tags, key.exclude_tags};
  return key.may_use(model.name) && env::against_tags(model, rule).empty();
}

HttpResponse text_response(std::string_view content_type, std::string body) {
  HttpResponse response;
  response.content_type = content_type;
  response.body = std::move(body);
  return response;
}

}  // namespace

asio::awaitable<HttpResponse> Api::models(HttpRequest, Caller caller) {
  json::array data;
  json::array routers;
  for (const RouterService& service : services_.routers) {
    const RouterSettings& settings = service.router->settings();
    data.push_back(model_object(settings.name, "yardmaster"));
    routers.push_back({{"name", settings.name},
                       {"policy", service.policy},
                       {"mode", settings.observe ? "observe" : "serve"},
                       {"share", settings.share},
                       {"baseline", settings.baseline}});
  }
  const auto now = std::chrono::steady_clock::now();
  const std::vector<env::ModelSpec>& models = services_.pool.models();
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (caller.key != nullptr && !may_use(caller.key->key, models[i])) continue;
    data.push_back(
        describe_model(models[i], upstream_of(models[i]), services_.health.status(i, now)));
  }
  const ObjectiveWeights& weights = services_.routers.front().router->settings().weights;
  const json::object body{
      {"object", "list"},
      {"data", std::move(data)},
      {"yardmaster",
       {{"routers", std::move(routers)},
        {"objective", {{"cost_weight", weights.cost}, {"latency_weight", weights.latency}}}}}};
  co_return text_response("application/json", to_json(body));
}

asio::awaitable<HttpResponse> Api::decision(HttpRequest request, Caller) {
  std::string_view target(request.target().data(), request.target().size());
  target = target.substr(0, target.find('?'));
  const auto id = parse_known_id(target.substr(target.rfind('/') + 1));
  if (!id) co_return to_response(id.error());
  auto record = services_.store.find(*id);
  if (!record) co_return to_response(record.error());
  services_.texts.forget(record->decision, services_.clock());
  co_return text_response("application/json", replay::to_json_line(*record));
}

asio::awaitable<HttpResponse> Api::prometheus_metrics(HttpRequest, Caller) {
  co_return text_response("text/plain; version=0.0.4; charset=utf-8", prometheus_text(services_));
}

asio::awaitable<HttpResponse> Api::healthz(HttpRequest, Caller) {
  co_return text_response("application/json", R"({"status":"alive"})");
}

asio::awaitable<HttpResponse> Api::readyz(HttpRequest, Caller) {
  if (services_.draining.load(std::memory_order_relaxed)) {
    co_return error_response(503, "the daemon is draining; send requests elsewhere", "draining");
  }
  co_return text_response("application/json", R"({"status":"ready"})");
}

asio::awaitable<HttpResponse> Api::openapi(HttpRequest, Caller) {
  co_return text_response("application/json", std::string(kOpenApi));
}

}  // namespace yardmaster::agent
