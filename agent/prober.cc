#include "agent/prober.h"

#include <spdlog/spdlog.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <exception>

#include "base/json_text.h"

namespace yardmaster::agent {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

using SteadyClock = std::chrono::steady_clock;

/// A quarter more or less, so that daemons that started together do not ask together.
SteadyClock::duration jittered(std::chrono::milliseconds interval, Rng& rng) {
  return std::chrono::duration_cast<SteadyClock::duration>(interval * (0.75 + 0.5 * rng.uniform()));
}

/// The shortest question there is. In Anthropic's words, which calls are translated from for any
/// upstream.
env::ChatCall shortest_call(const env::ModelSpec& model) {
  json::object message{{"role", "user"}, {"content", "."}};
  json::array messages;
  messages.push_back(std::move(message));
  const json::object body{
      {"model", model.upstream_model.empty() ? model.name : model.upstream_model},
      {"max_tokens", 1},
      {"messages", std::move(messages)}};
  env::ChatCall call;
  call.model = &model;
  call.route = env::ApiRoute::messages;
  call.body = to_json(body);
  return call;
}

/// A coroutine of probes ends by being cancelled, and by nothing else.
void tell_of(const std::exception_ptr& failure) {
  try {
    if (failure) std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {
    if (error.code() != asio::error::operation_aborted) {
      spdlog::error("probes have ended: {}", error.what());
    }
  } catch (const std::exception& error) {
    spdlog::error("probes have ended: {}", error.what());
  }
}

/// Of the list of models: no answer, or one that says that nobody else gets one either.
bool is_out_of_order(const ChatAttempt& attempt) {
  if (!attempt.answer) return true;
  const unsigned status = attempt.answer->status;
  return status == 401 || status == 403 || status == 429 || status >= 500;
}

}  // namespace

void Prober::start(asio::any_io_executor executor) {
  for (const ProbePlan& plan : services_.probes) {
    auto signal = std::make_shared<asio::cancellation_signal>();
    under_way_.push_back(signal);
    auto done = [signal](std::exception_ptr failure) { tell_of(failure); };
    asio::co_spawn(executor, ask_again_and_again(plan),
                   asio::bind_cancellation_slot(signal->slot(), std::move(done)));
  }
}

void Prober::stop() {
  stopped_ = true;
  for (const auto& signal : under_way_) signal->emit(asio::cancellation_type::terminal);
  under_way_.clear();
}

asio::awaitable<void> Prober::ask_again_and_again(const ProbePlan& plan) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor);
  while (true) {
    timer.expires_after(jittered(plan.spec.interval, context_.rng));
    co_await timer.async_wait(asio::use_awaitable);  // throws when it is cancelled
    const std::vector<std::size_t> models = models_to_ask_for(plan);
    if (models.empty()) continue;
    const ChatAttempt attempt = co_await ask(plan);
    if (stopped_) co_return;  // it may have failed by that
    for (const std::size_t model : models) report(plan, model, attempt);
  }
}

std::vector<std::size_t> Prober::models_to_ask_for(const ProbePlan& plan) const {
  const auto now = SteadyClock::now();
  std::vector<std::size_t> models;
  for (const std::size_t model : plan.models) {
    if (services_.health.wants_probe(model, now)) models.push_back(model);
  }
  return models;
}

/// The answer to the plan's question; by the model itself, of its limits like any other call.
asio::awaitable<ChatAttempt> Prober::ask(const ProbePlan& plan) {
  env::Upstream& upstream = *context_.upstreams.find(plan.upstream)->second;
  const auto deadline = SteadyClock::now() + plan.spec.timeout;
  if (plan.spec.request == env::ProbeSpec::Request::models) {
    ChatAttempt attempt;
    attempt.answer = co_await upstream.list_models(deadline);
    co_return attempt;
  }
  constexpr double kTokens = 2;
  const std::size_t model = plan.models.front();
  ModelLoad::Call load = services_.load.begin(model, kTokens, services_.clock());
  env::ChatCall call = shortest_call(services_.pool.models()[model]);
  call.deadline = deadline;
  ChatAttempt attempt = co_await attempt_chat(&upstream, std::move(call), {});
  co_return attempt;
}

void Prober::report(const ProbePlan& plan, std::size_t model, const ChatAttempt& attempt) {
  const bool of_upstream = plan.spec.request == env::ProbeSpec::Request::models;
  const bool failed = of_upstream ? is_out_of_order(attempt) : attempt.failed();
  const std::string& name = services_.pool.models()[model].name;
  ServingMetrics::Model& metrics = context_.metrics->models[model];
  if (!failed) {
    metrics.probes.add();
    if (services_.health.probed(model)) {
      spdlog::info("model '{}' is healthy again: a probe was answered", name);
    }
    return;
  }
  metrics.probes_failed.add();
  const CallFailure failure = call_failure_of(attempt, services_.clock());
  if (services_.health.probe_failed(model, failure, SteadyClock::now())) {
    spdlog::warn("model '{}' is not called for a while: probes failed, the latest: {}", name,
                 failure.what);
  }
}

}  // namespace yardmaster::agent
