// Models that the client names: found for chat, and for POST /v1/embeddings, /v1/responses and
// /v1/completions, which are not routed, asked in the client's own words.

#include <chrono>

#include "agent/api/api.h"
#include "agent/api/chat_run.h"
#include "agent/api/request_options.h"
#include "env/candidate_filter.h"
#include "env/request_query.h"

namespace yardmaster::agent {

namespace asio = boost::asio;

namespace {

using SteadyClock = std::chrono::steady_clock;

std::string route_name(env::ApiRoute route) { return "/v1" + std::string(env::path_of(route)); }

}  // namespace

/// The model that the client names, where it can be asked now.
Result<const env::ModelSpec*> Api::named_model(const ChatRun& run) const {
  const std::string& name = run.query.requested_model;
  const env::ModelSpec* model = services_.pool.find(name);
  if (model == nullptr) {
    return fail(ErrorCode::not_found,
                "there is no model or router '" + name +
                    "' to send this to; GET /v1/models lists them, \"auto\" routes");
  }
  if (model->upstream.empty()) {
    return fail(ErrorCode::not_found, "no upstream serves model '" + name +
                                          "', so only /v1/route can choose it; name an upstream "
                                          "for it in the config");
  }
  if (const std::string why = env::untranslatable(*model, run.query); !why.empty()) {
    return fail(ErrorCode::no_candidate, "model '" + name + "' cannot be asked this: " + why +
                                             "; leave it out, or choose another model");
  }
  for (const env::TagRule& rule : run.options.tag_rules()) {
    if (const std::string why = env::against_tags(*model, rule); !why.empty()) {
      return fail(ErrorCode::no_candidate, "model '" + name + "' may not be asked: it has " + why +
                                               "; choose another, or send \"auto\"");
    }
  }
  const std::vector<std::string>& down = run.options.down;
  if (!down.empty() && !down[index_of(*model)].empty()) {
    return fail(ErrorCode::unavailable, "model '" + name + "' is " + down[index_of(*model)] +
                                            "; try again later, or send \"auto\"");
  }
  return model;
}

/// Nothing is decided, so nothing is logged; the key is charged, and the model's health counts.
Result<Api::ChatTarget> Api::choose_passed(ChatRun& run) {
  run.options.query = &run.query;
  run.options.down = unavailable_models(run.query);
  const auto model = named_model(run);
  if (!model) return fail(model.error());
  const env::Upstream* upstream = upstream_of(**model);
  if (upstream != nullptr && upstream->spec().kind != env::UpstreamSpec::Kind::openai) {
    return fail(ErrorCode::no_candidate, "model '" + (*model)->name + "' is at upstream '" +
                                             upstream->spec().name + "', which has no " +
                                             route_name(run.route) +
                                             "; name a model at an upstream of kind openai");
  }
  ChatTarget target;
  target.model = *model;
  begin_call(target, run.query);
  target.passed = true;
  Decision decision;
  decision.time = services_.clock();
  decision.id = DecisionId::make(decision.time, context_.rng);
  decision.candidates = {target.model->name};
  decision.propensities = {1.0};
  const double tokens = services_.tokens.estimate(run.query);
  decision.estimated_cost_usd = target.model->cost_usd(tokens, 0).value_or(0);
  run.options.hold.charge(decision, services_.keys.charges);
  target.decision = std::make_shared<const Decision>(std::move(decision));
  count_choice(*target.model, false);
  return target;
}

asio::awaitable<HttpResponse> Api::pass(HttpRequest request, Caller caller, env::ApiRoute route) {
  const auto start = SteadyClock::now();
  auto query = env::parse_passed_query(request.body());
  if (!query) co_return to_response(query.error());
  if (query->requested_model.empty()) {
    co_return error_response(400, "'model' is missing; name one of GET /v1/models", {}, "model");
  }
  if (services_.find_router(query->requested_model) != nullptr) {
    co_return error_response(400,
                             "'" + query->requested_model + "' is a router, and " +
                                 route_name(route) +
                                 " is not routed: only chat is; name a model of GET /v1/models",
                             {}, "model");
  }
  auto options = read_route_headers(request);
  if (!options) co_return to_response(options.error());
  if (auto refused = admit(caller, *query, *options)) co_return std::move(*refused);
  auto run = std::make_shared<ChatRun>(std::move(request), std::move(*query), route, start);
  run->options = std::move(*options);
  run->access = std::move(caller.access);
  auto target = choose_passed(*run);
  if (!target) co_return model_refused(target.error());
  co_return co_await answer_chat(run, std::move(*target));
}

asio::awaitable<HttpResponse> Api::embeddings(HttpRequest request, Caller caller) {
  co_return co_await pass(std::move(request), std::move(caller), env::ApiRoute::embeddings);
}

asio::awaitable<HttpResponse> Api::responses(HttpRequest request, Caller caller) {
  co_return co_await pass(std::move(request), std::move(caller), env::ApiRoute::responses);
}

asio::awaitable<HttpResponse> Api::completions(HttpRequest request, Caller caller) {
  co_return co_await pass(std::move(request), std::move(caller), env::ApiRoute::completions);
}

}  // namespace yardmaster::agent
