// One call of a model for a chat request: made, counted, recorded.

#include <spdlog/spdlog.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "agent/api/access.h"
#include "agent/api/api.h"
#include "agent/api/chat_run.h"
#include "agent/api/request_options.h"

namespace yardmaster::agent {

namespace asio = boost::asio;

namespace {

using SteadyClock = std::chrono::steady_clock;

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

/// Routes whose streams tell their usage only when stream_options ask for it.
bool has_stream_options(env::ApiRoute route) {
  return route == env::ApiRoute::chat_completions || route == env::ApiRoute::completions;
}

/// Of a call that has ended or begun to stream.
Hedging::Seconds time_to_first_byte(const env::CallProgress& progress, bool stream,
                                    SteadyClock::time_point start) {
  const bool told = progress.answered && !stream;
  return (told ? *progress.answered : SteadyClock::now()) - start;
}

}  // namespace

env::ChatCall Api::make_call(const ChatRun& run, ChatLeg& leg, const env::Upstream* upstream) {
  const env::ModelSpec& model = *leg.target.model;
  env::ChatCall call;
  call.model = &model;
  call.body = env::splice_model(run.request.body(),
                                model.upstream_model.empty() ? model.name : model.upstream_model);
  call.traceparent = header(run.request, "traceparent");
  call.tracestate = header(run.request, "tracestate");
  call.route = run.route;
  call.progress = &leg.progress;
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
asio::awaitable<void> Api::retry_call(ChatRun& run, ChatLeg& leg, ChatAttempt& attempt) {
  const env::ModelSpec& model = *leg.target.model;
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
    leg.progress = {};
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, *wait);
    co_await timer.async_wait(asio::use_awaitable);
    const double waited_s = seconds_since(failed_at);
    ++run.retries;
    leg.target.load.again();
    metrics_of(model).retries.add();
    metrics_of(model).upstream_errors.add();
    ChatAttempt again = co_await attempt_chat(upstream, make_call(run, leg, upstream), form);
    follow_on(attempt, waited_s, again);
    attempt = std::move(again);
  }
}

/// Calls the leg's model, again where that may help. Takes shares of both, since nobody waits for
/// the end of a call that was cancelled.
asio::awaitable<void> Api::call_model(std::shared_ptr<ChatRun> run, std::shared_ptr<ChatLeg> leg) {
  env::Upstream* const upstream = upstream_of(*leg->target.model);
  const ChatForm form{run->query.stream, run->query.wants_stream_usage};
  ChatAttempt attempt = co_await attempt_chat(upstream, make_call(*run, *leg, upstream), form);
  if (attempt.failed() && upstream != nullptr) co_await retry_call(*run, *leg, attempt);
  leg->first_byte = time_to_first_byte(leg->progress, form.stream, leg->start);
  leg->attempt = std::move(attempt);
}

/// Counts what came of a call: for metrics, for the model's health, and for when to hedge.
void Api::count_attempt(ChatRun& run, const ChatLeg& leg) {
  const env::ModelSpec& model = *leg.target.model;
  const ChatAttempt& attempt = leg.attempt;
  if (attempt.stream) {
    count_first_token(model, *attempt.first_token_s);
  } else {
    count_upstream(model, attempt.success(), attempt.wall_s * 1e6);
  }
  if (attempt.failed()) {
    run.failed.push_back(failed_attempt_of(attempt, leg.target.decision->id));
    count_failure(model, call_failure_of(attempt, services_.clock()));
  } else if (services_.health.succeeded(index_of(model))) {
    spdlog::info("model '{}' is healthy again", model.name);
  }
  if (services_.hedging.settings().enabled && attempt.success()) {
    services_.hedging.answered(index_of(model), run.query.stream, leg.first_byte);
  }
}

/// Counts what came of a call and, once its decision is in the log, records it; of an answer that
/// streams, what is known so far is only counted.
asio::awaitable<void> Api::conclude(ChatRun& run, ChatLeg& leg) {
  leg.concluded = true;
  count_attempt(run, leg);
  co_await know_whether_logged(run, leg.target);
  if (leg.attempt.stream) co_return;
  count_call(run.route, *leg.target.model, gen_ai_call_of(leg.attempt));
  Outcome outcome = outcome_of(leg.attempt, services_.clock());
  if (run.access) add_outcome(outcome, *run.access);
  co_await record(leg.target, std::move(outcome), leg.attempt.usage);
}

/// The same of a call whose answer nobody gets: another's was first, or the client has left.
asio::awaitable<void> Api::conclude_lost(ChatRun& run, ChatLeg& leg, std::string why) {
  if (leg.ended && !leg.attempt.success()) {
    co_await conclude(run, leg);
    co_return;
  }
  leg.concluded = true;
  Outcome outcome;
  if (leg.ended) {
    count_attempt(run, leg);
    outcome = outcome_of(leg.attempt, services_.clock());
    if (leg.attempt.stream) {
      outcome.first_token_s = leg.attempt.first_token_s;
      outcome.latency_s.reset();
      leg.attempt.stream.reset();
    } else {
      count_call(run.route, *leg.target.model, gen_ai_call_of(leg.attempt));
    }
  } else {
    count_given_up(run, leg);
    outcome.time = services_.clock();
  }
  outcome.status = Outcome::Status::cancelled;
  outcome.error = std::move(why);
  co_await know_whether_logged(run, leg.target);
  co_await record(leg.target, std::move(outcome), leg.attempt.usage);
}

/// What a call that was given up still says of its model.
void Api::count_given_up(const ChatRun& run, const ChatLeg& leg) {
  const std::size_t index = index_of(*leg.target.model);
  const bool late = !run.client_gone && !leg.target.decision->hedge_of;  // its hedge was faster
  if (leg.target.trial && late) {
    count_failure(*leg.target.model, {.what = "no answer to the trial in the time of a hedge"});
  } else if (leg.target.trial) {
    services_.health.given_up(index, SteadyClock::now());
  }
  const bool answered = leg.progress.answered && !run.query.stream;
  if (!services_.hedging.settings().enabled || answered) return;
  services_.hedging.given_up(index, run.query.stream, SteadyClock::now() - leg.start);
}

/// Before anything is waited for after the choice, so that one trial of a half-open circuit is not
/// two, and what a limit leaves is not given out twice.
void Api::begin_call(ChatTarget& target, const env::Query& query) {
  const std::size_t index = index_of(*target.model);
  target.trial = services_.health.begin(index, SteadyClock::now());
  if (!services_.load.has_limits()) return;
  target.load = services_.load.begin(index, expected_tokens(query), services_.clock());
}

/// The answer says nothing of the decision before the log has it. A store that fails has let those
/// explore unlogged that were decided before it said so; from then on the baseline answers.
asio::awaitable<void> Api::know_whether_logged(const ChatRun& run, ChatTarget& target) {
  if (target.log == nullptr) co_return;
  target.logged = (co_await finish_log(std::move(target.log))).has_value();
  // A decision without features has been counted; a named model has not.
  const bool counted = run.service != nullptr && target.decision->features.values.empty();
  if (!target.logged && !counted) context_.metrics->degraded.add();
}

/// Logs what came of a decision, or where it is not logged counts its cost at least.
asio::awaitable<void> Api::record(ChatTarget& target, Outcome outcome, const env::Usage& usage) {
  if (outcome.input_tokens && outcome.output_tokens) {
    target.load.used(static_cast<double>(*outcome.input_tokens + *outcome.output_tokens));
  } else if (!is_billed(outcome.status)) {
    target.load.used(0);
  }
  target.load.end();
  if (usage.finish == env::Finish::length) metrics_of(*target.model).truncations.add();
  if (usage.finish == env::Finish::refusal) metrics_of(*target.model).refusals.add();
  if (usage.input_tokens && !target.passed) {
    services_.tokens.observe(target.model->name, target.prompt_bytes, *usage.input_tokens);
  }
  if (!target.logged) {
    settle(target.decision->id, outcome);
    co_return;
  }
  auto measured = implicit_feedback(services_.own_metrics, target.decision->id, outcome,
                                    usage.finish.value_or(env::Finish::stop));
  const Status reported =
      co_await log_outcome(target.decision->id, std::move(outcome), usage.response_id);
  if (!reported) {
    spdlog::warn("an outcome is lost: {}", reported.error().message);
    co_return;
  }
  give_feedback(std::move(measured));
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
