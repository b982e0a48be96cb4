#include "agent/api/chat_attempt.h"

#include <algorithm>
#include <chrono>

#include "agent/http/retry_after.h"
#include "env/usage.h"

namespace yardmaster::agent {

namespace asio = boost::asio;

namespace {

using SteadyClock = std::chrono::steady_clock;

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

std::string what_failed_last(const ChatAttempt& attempt) {
  return attempt.answer ? "HTTP " + std::to_string(attempt.answer->status)
                        : attempt.answer.error().message;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& each : parts) all.append(all.empty() ? "" : ", then ").append(each);
  return all;
}

/// For the client: with the upstream's words.
std::string what_failed(const ChatAttempt& attempt) {
  const std::string last = what_failed_last(attempt);
  return attempt.before.empty() ? last : joined(attempt.before) + ", then " + last;
}

/// For what is kept: without them, since they may quote the prompt.
std::string what_failed_unquoted(const ChatAttempt& attempt) {
  return std::string(env::without_words(what_failed(attempt)));
}

/// 529 is Anthropic's own for it.
bool is_overload(unsigned status) { return status == 503 || status == 529; }

/// Reads until the first chunk of a stream is there.
asio::awaitable<Status> read_first_chunk(env::AnswerStream& stream, env::StreamReader& reader) {
  while (!reader.started()) {
    const auto bytes = co_await stream.read();
    if (!bytes) co_return fail(bytes.error());
    if (bytes->empty()) {
      co_return fail(ErrorCode::io, "the stream ended before its first chunk; try again");
    }
    if (Status taken = reader.take(*bytes); !taken) co_return taken;
  }
  co_return Status{};
}

asio::awaitable<void> attempt_stream(env::Upstream& upstream, env::ChatCall call, bool hide_usage,
                                     ChatAttempt& attempt) {
  const env::ApiRoute route = call.route;
  auto streamed = co_await upstream.stream(std::move(call));
  if (!streamed) {
    attempt.answer = fail(streamed.error());
    co_return;
  }
  attempt.answer = std::move(streamed->answer);
  if (!streamed->stream) {
    if (attempt.success()) {
      attempt.answer = fail(ErrorCode::io, "a stream was asked for, and the answer is none");
    }
    co_return;
  }
  attempt.reader = env::make_stream_reader(route, hide_usage);
  if (Status begun = co_await read_first_chunk(*streamed->stream, *attempt.reader); !begun) {
    attempt.answer = fail(begun.error());
    co_return;
  }
  attempt.stream = std::move(streamed->stream);
}

}  // namespace

bool ChatAttempt::clients_fault() const {
  if (!answer) return false;
  const unsigned status = answer->status;
  return status == 400 || status == 404 || status == 413 || status == 415 || status == 422;
}

asio::awaitable<ChatAttempt> attempt_chat(env::Upstream* upstream, env::ChatCall call,
                                          ChatForm form) {
  ChatAttempt attempt;
  attempt.model = call.model;
  if (upstream == nullptr) {
    attempt.answer =
        fail(ErrorCode::unavailable, "upstream '" + call.model->upstream + "' is not running");
    co_return attempt;
  }
  const auto start = SteadyClock::now();
  if (form.stream) {
    co_await attempt_stream(*upstream, std::move(call), !form.wants_usage, attempt);
    attempt.wall_s = seconds_since(start);
    if (attempt.stream) {
      const auto stated = attempt.stream->stated_latency();
      attempt.first_token_s = stated ? stated->first_token_s : attempt.wall_s;
    }
    co_return attempt;
  }
  const env::ApiRoute route = call.route;
  attempt.answer = co_await upstream->chat(std::move(call));
  attempt.wall_s = seconds_since(start);
  if (attempt.success()) {
    auto usage = env::read_usage(route, attempt.answer->body);
    if (usage) {
      attempt.usage = std::move(*usage);
    } else {
      attempt.answer = fail(usage.error());
    }
  }
  co_return attempt;
}

std::optional<double> cost_of_usage(const env::ModelSpec& model, const env::Usage& usage) {
  if (!usage.input_tokens || !usage.output_tokens) return std::nullopt;
  const auto input = static_cast<double>(*usage.input_tokens);
  auto cost_usd = model.cost_usd(input, static_cast<double>(*usage.output_tokens));
  if (!cost_usd) return std::nullopt;
  const auto add_cached = [&](std::uint64_t tokens, const std::optional<double>& price) {
    const double cached = std::min(static_cast<double>(tokens), input);
    if (price) *cost_usd += cached * (*price - *model.input_usd_per_mtok) * 1e-6;
  };
  add_cached(usage.cache_read_tokens, model.cache_read_usd_per_mtok);
  add_cached(usage.cache_write_tokens, model.cache_write_usd_per_mtok);
  return std::max(0.0, *cost_usd);
}

Outcome outcome_of(const ChatAttempt& attempt, Timestamp now) {
  Outcome outcome;
  outcome.time = now;
  if (attempt.answer) outcome.latency_s = attempt.answer->latency_s;
  if (!attempt.success()) {
    outcome.status = attempt.clients_fault() ? Outcome::Status::rejected : Outcome::Status::error;
    outcome.error = what_failed_unquoted(attempt);
    return outcome;
  }
  outcome.error = note_of_retries(attempt);
  outcome.input_tokens = attempt.usage.input_tokens;
  outcome.output_tokens = attempt.usage.output_tokens;
  outcome.cost_usd = cost_of_usage(*attempt.model, attempt.usage);
  return outcome;
}

GenAiCall gen_ai_call_of(const ChatAttempt& attempt) {
  using Error = GenAiCall::Error;
  GenAiCall call;
  call.duration_s = attempt.answer ? attempt.answer->latency_s : attempt.wall_s;
  call.input_tokens = attempt.usage.input_tokens;
  call.output_tokens = attempt.usage.output_tokens;
  if (attempt.success()) return call;
  if (!attempt.answer) {
    const bool late = attempt.answer.error().code == ErrorCode::timed_out;
    call.error = late ? Error::timeout : Error::connection;
  } else if (attempt.answer->status == 429) {
    call.error = Error::limited;
  } else {
    call.error = attempt.answer->status < 500 ? Error::refused : Error::failed;
  }
  return call;
}

CallFailure call_failure_of(const ChatAttempt& attempt, Timestamp now) {
  CallFailure failure;
  failure.what = what_failed_unquoted(attempt);
  if (!attempt.answer) {
    failure.of_upstream = attempt.answer.error().code == ErrorCode::unavailable;
    return failure;
  }
  const unsigned status = attempt.answer->status;
  failure.refused = status == 401 || status == 402 || status == 403;
  failure.of_upstream = status == 401 || status == 403;
  const auto wait = parse_retry_after(attempt.answer->retry_after, now);
  if (wait && wait->count() > 0) failure.wait = wait;
  return failure;
}

RetryCase retry_case_of(const ChatAttempt& attempt, const RetrySettings& settings, Timestamp now) {
  RetryCase retry;
  if (!attempt.answer) {
    // One that was long in failing would be as long again.
    retry.unsent = attempt.answer.error().code == ErrorCode::unavailable &&
                   attempt.wall_s < std::chrono::duration<double>(settings.max_wait).count();
  } else if (attempt.answer->status == 429 || is_overload(attempt.answer->status)) {
    retry.retry_after = parse_retry_after(attempt.answer->retry_after, now);
  }
  return retry;
}

void follow_on(const ChatAttempt& failed, double waited_s, ChatAttempt& again) {
  again.before = failed.before;
  again.before.emplace_back(env::without_words(what_failed_last(failed)));
  const double earlier_s = failed.wall_s + waited_s;
  again.wall_s += earlier_s;
  if (again.first_token_s) *again.first_token_s += earlier_s;
  if (again.answer) again.answer->latency_s += earlier_s;
}

std::string note_of_retries(const ChatAttempt& attempt) {
  return attempt.before.empty() ? "" : "answered after " + joined(attempt.before);
}

FailedAttempt failed_attempt_of(const ChatAttempt& attempt, const DecisionId& decision) {
  FailedAttempt failed;
  failed.model = attempt.model;
  failed.decision = decision;
  failed.what = what_failed(attempt);
  failed.unquoted = what_failed_unquoted(attempt);
  if (!attempt.answer) {
    if (attempt.answer.error().code == ErrorCode::timed_out) failed.status = 504;
  } else if (attempt.answer->status == 429 || is_overload(attempt.answer->status)) {
    failed.status = attempt.answer->status == 429 ? 429 : 503;
    failed.retry_after = attempt.answer->retry_after;
  }
  return failed;
}

HttpResponse failure_response(std::span<const FailedAttempt> attempts) {
  std::string message = attempts.size() == 1 ? "" : "no model answered: ";
  for (const FailedAttempt& each : attempts) {
    if (&each != &attempts.front()) message += "; ";
    message +=
        "model '" + each.model->name + "' at upstream '" + each.model->upstream + "': " + each.what;
  }
  const FailedAttempt& last = attempts.back();
  const bool all_limited = std::all_of(attempts.begin(), attempts.end(),
                                       [](const auto& each) { return each.status == 429; });
  const unsigned status = last.status == 429 && !all_limited ? 502 : last.status;
  HttpResponse response =
      error_response(status, message + ". Try again, or exclude models by x-yardmaster-deny-models",
                     status == 429 ? "rate_limit_exceeded" : "upstream_error");
  if (status == 429 || status == 503) {
    response.headers.add("Retry-After", last.retry_after.empty() ? "1" : last.retry_after);
  }
  return response;
}

}  // namespace yardmaster::agent
