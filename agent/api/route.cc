// POST /v1/route, and what it shares with chat: deciding and logging the decision.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <chrono>

#include "agent/api/api.h"
#include "agent/api/request_options.h"
#include "agent/await_callback.h"
#include "base/json_text.h"

namespace yardmaster::agent {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

json::array explained_candidates(const Routed& routed) {
  json::array candidates;
  const Decision& decision = *routed.decision;
  for (std::size_t i = 0; i < decision.candidates.size(); ++i) {
    json::object candidate{{"model", decision.candidates[i]},
                           {"probability", decision.propensities[i]}};
    if (!routed.scores.empty()) {
      const policies::Score& score = routed.scores[i];
      json::object expected{{"quality", score.quality},
                            {"cost_usd", score.cost_usd},
                            {"latency_s", score.latency_s},
                            {"reward", score.reward}};
      if (score.quality_sd > 0) expected["quality_sd"] = score.quality_sd;
      if (score.reward_sd > 0) expected["reward_sd"] = score.reward_sd;
      candidate["expected"] = std::move(expected);
    }
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

json::object explanation(const Routed& routed) {
  json::object body;
  body["candidates"] = explained_candidates(routed);
  json::array filtered;
  for (const FilteredModel& left_out : routed.decision->filtered) {
    filtered.push_back({{"model", left_out.model}, {"reason", left_out.reason}});
  }
  body["filtered"] = std::move(filtered);
  if (routed.session) {
    body["session"] = {{"model", routed.session->model},
                       {"switch_cost_usd", routed.session->switch_cost_usd},
                       {"kept", routed.session->kept}};
  }
  if (routed.budget) {
    body["budget"] = {{"cost_weight", routed.budget->cost_weight},
                      {"left_usd", routed.budget->left_usd}};
  }
  return body;
}

/// The common part is written without a tree of it, which would be allocated piece by piece.
std::string route_body(const Routed& routed, bool explain, bool degraded) {
  const Decision& decision = *routed.decision;
  constexpr std::size_t kUsualBytes = 240;
  std::string body;
  body.reserve(kUsualBytes);
  body += "{\"decision_id\":";
  if (degraded) {
    body += "null";
  } else {
    const auto id = decision.id.text();
    append_string({id.data(), id.size()}, body);
  }
  body += ",\"model\":";
  append_string(decision.model(), body);
  body += ",\"propensity\":";
  append_number(decision.propensity(), body);
  body += ",\"policy_version\":" + std::to_string(decision.policy_version);
  body += '}';
  if (explain) {
    const std::string more = to_json(explanation(routed));
    body.back() = ',';
    body.append(more, 1);  // without its brace
  }
  return body;
}

}  // namespace

/// Features from a slow encoder's thread; empty where it cannot make them.
asio::awaitable<std::vector<float>> Api::encode_ahead(EncodingThread& thread,
                                                      const env::Query& query) {
  if (auto known = thread.cached(query)) co_return std::move(*known);
  auto start = [&](EncodingThread::Done done) { thread.encode(query, std::move(done)); };
  auto made = co_await await_callback<Result<EncodingThread::Features>>(start);
  co_return made ? std::move(*made) : EncodingThread::Features();
}

/// Has the threads of slow encoders encode the query. Without features of the encoder that serves
/// the baseline does, and the policy learns nothing of it.
asio::awaitable<void> Api::encode(const RouterService& service, RouteRequest& request) {
  const bool successor_serves = policy_of(service).successor;
  if (service.encoding != nullptr && !successor_serves) {
    request.features = co_await encode_ahead(*service.encoding, *request.query);
    if (request.features->empty()) request.baseline_only = true;
  }
  if (service.successor_encoding != nullptr) {
    request.successor_features = co_await encode_ahead(*service.successor_encoding, *request.query);
    if (successor_serves && request.successor_features->empty()) request.baseline_only = true;
  }
}

const PublishedPolicy& Api::policy_of(const RouterService& service) {
  return context_.policies[static_cast<std::size_t>(&service - services_.routers.data())].current();
}

Result<Routed> Api::decide(const RouterService& service, const RouteRequest& request) {
  return service.router->decide(request, policy_of(service),
                                services_.decisions.load(std::memory_order_relaxed),
                                services_.clock(), context_.rng);
}

void Api::find_session(const Caller& caller, RouteRequest& request) {
  if (!services_.sessions->settings().enabled) return;  // the id that a client gave is there
  request.session = session_key(request.session.given, caller.name, *request.query,
                                services_.conversation_secret);
}

void Api::find_turn(const RouterService& service, RouteRequest& request) {
  request.last_turn =
      services_.sessions->find(request.session, service.router->settings().name, services_.clock());
}

void Api::remember_turn(const RouteRequest& request, const Decision& decision) {
  SessionTurn turn{
      decision.router,    decision.model(), decision.estimated_input_tokens, decision.time, true,
      decision.session_id};
  if (turn.session_id.empty()) turn.session_id = request.session.next;
  // A baseline that steps in says nothing of which part of the traffic it is.
  const bool stays = request.baseline_only && request.last_turn;
  turn.by_policy =
      stays ? request.last_turn->by_policy : request.baseline_only || decision.would_choose.empty();
  services_.sessions->record(request.session, std::move(turn));
}

/// Input and output together, as far as can be told ahead.
double Api::expected_tokens(const env::Query& query) const {
  return services_.tokens.estimate(query) + expected_output_tokens(query);
}

/// Why models cannot be called now, for RouteRequest::down.
std::vector<std::string> Api::unavailable_models(const env::Query& query) const {
  std::vector<std::string> reasons = services_.health.down(std::chrono::steady_clock::now());
  if (services_.load.has_limits()) {
    services_.load.add_reasons(expected_tokens(query), services_.clock(), reasons);
  }
  return reasons;
}

void Api::take_back(const RouterService& service, const Routed& routed) {
  if (BudgetPacer* pacer = service.router->pacer()) pacer->cancelled(routed.decision->id);
}

void Api::count_decision(const Routed& routed, bool logged) {
  count_choice(*routed.model, !logged || routed.decision->features.values.empty());
  if (routed.policy_failed) context_.metrics->policy_failures.add();
}

void Api::count_choice(const env::ModelSpec& model, bool degraded) {
  metrics_of(model).chosen.add();
  if (degraded) context_.metrics->degraded.add();
}

Api::PendingLog Api::begin_log(std::shared_ptr<const Decision> decision) {
  const auto start = [&](std::function<void(Status)> done) {
    services_.store.append_decision(std::move(decision), std::move(done));
  };
  // As soon as it is known, since whoever waits for it may first wait for a model.
  const auto told = [this](const std::optional<Status>& answer) {
    const bool logged = answer && *answer;
    services_.store_failed.store(!logged, std::memory_order_relaxed);
    if (logged) services_.decisions.fetch_add(1, std::memory_order_relaxed);
  };
  return context_.log_waits->begin<Status>(start, told);
}

/// What became of the decision in the log.
asio::awaitable<Status> Api::finish_log(PendingLog log) {
  auto answer = co_await StoreWaits::finish(std::move(log));
  co_return answer ? std::move(*answer) : Status(fail(store_overdue()));
}

asio::awaitable<HttpResponse> Api::route(HttpRequest request, Caller caller) {
  const auto start = std::chrono::steady_clock::now();
  auto query = env::parse_query(request.body());
  if (!query) co_return to_response(query.error());
  context_.metrics->unknown_fields.add(query->unknown_fields);
  auto options = read_route_headers(request);
  if (!options) co_return to_response(options.error());
  options->query = &*query;
  options->explain = query->explain || header(request, "x-yardmaster-explain") == "1";
  if (auto refused = admit(caller, *query, *options)) co_return std::move(*refused);

  const RouterService* service = query->requested_model.empty()
                                     ? &services_.routers.front()
                                     : services_.find_router(query->requested_model);
  if (service == nullptr) {
    co_return error_response(
        404,
        "there is no router '" + query->requested_model + "'; GET /v1/models lists the routers",
        "model_not_found", "model");
  }
  options->down = unavailable_models(*query);
  options->baseline_only = services_.store_failed.load(std::memory_order_relaxed);
  find_session(caller, *options);
  find_turn(*service, *options);
  co_await encode(*service, *options);
  auto routed = decide(*service, *options);
  if (!routed) co_return to_response(routed.error());

  const Status logged = co_await finish_log(begin_log(routed->decision));
  if (!logged && !options->baseline_only) {
    // What cannot be logged must not explore: the baseline answers in the policy's place.
    options->baseline_only = true;
    take_back(*service, *routed);
    routed = decide(*service, *options);
    if (!routed) co_return to_response(routed.error());
  }
  count_decision(*routed, logged.has_value());
  // Who asks for the decision alone makes the call, and when it ends nobody knows.
  if (services_.load.has_limits()) {
    services_.load.begin(index_of(*routed->model), expected_tokens(*query), services_.clock());
  }
  remember_turn(*options, *routed->decision);
  options->hold.charge(*routed->decision, services_.keys.charges);

  HttpResponse response;
  response.body = route_body(*routed, options->explain, !logged);
  if (logged) {
    add_decision_headers(*routed->decision, response);
  } else {
    add_degraded_headers(*routed->decision, response);
  }
  const double overhead_us =
      std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  context_.metrics->overhead.record_us(overhead_us);
  response.headers.add("x-yardmaster-attempts", "0");
  response.headers.add("x-yardmaster-overhead-us", static_cast<std::uint64_t>(overhead_us));
  co_return response;
}

}  // namespace yardmaster::agent
