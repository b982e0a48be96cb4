#include "agent/api/chat_attempt.h"

#include <chrono>

namespace yardmaster::agent {

namespace asio = boost::asio;

namespace {

using SteadyClock = std::chrono::steady_clock;

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

std::string name_of(const ChatAttempt& attempt) {
  return "model '" + attempt.model->name + "' at upstream '" + attempt.model->upstream + "'";
}

/// Reads until the first chunk of a stream is there.
asio::awaitable<Status> read_first_chunk(env::AnswerStream& stream, env::ChatStreamReader& reader) {
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
  attempt.reader = std::make_unique<env::ChatStreamReader>(hide_usage);
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
  attempt.answer = co_await upstream->chat(std::move(call));
  attempt.wall_s = seconds_since(start);
  if (attempt.success()) {
    auto usage = env::read_usage(attempt.answer->body);
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
  return model.cost_usd(static_cast<double>(*usage.input_tokens),
                        static_cast<double>(*usage.output_tokens));
}

Outcome outcome_of(const ChatAttempt& attempt, Timestamp now) {
  Outcome outcome;
  outcome.time = now;
  if (!attempt.answer) {
    outcome.status = Outcome::Status::error;
    outcome.error = attempt.answer.error().message;
    return outcome;
  }
  outcome.latency_s = attempt.answer->latency_s;
  if (!attempt.success()) {
    outcome.status = Outcome::Status::error;
    outcome.error = "HTTP " + std::to_string(attempt.answer->status);
    return outcome;
  }
  outcome.input_tokens = attempt.usage.input_tokens;
  outcome.output_tokens = attempt.usage.output_tokens;
  outcome.cost_usd = cost_of_usage(*attempt.model, attempt.usage);
  return outcome;
}

HttpResponse failure_response(const ChatAttempt& attempt) {
  if (!attempt.answer) {
    const Error& error = attempt.answer.error();
    return error_response(error.code == ErrorCode::timed_out ? 504 : 502,
                          name_of(attempt) + " failed: " + error.message, "upstream_error");
  }
  if (attempt.clients_fault()) {
    HttpResponse response;
    response.status = attempt.answer->status;
    response.content_type = attempt.answer->content_type;
    response.body = attempt.answer->body;
    return response;
  }
  const unsigned status = attempt.answer->status;
  HttpResponse response =
      error_response(status == 429 ? 429 : 502,
                     name_of(attempt) + " answered HTTP " + std::to_string(status) +
                         "; try again, or exclude it by x-yardmaster-deny-models",
                     status == 429 ? "rate_limit_exceeded" : "upstream_error");
  if (status == 429) {
    const std::string& after = attempt.answer->retry_after;
    response.headers.emplace_back("Retry-After", after.empty() ? "1" : after);
  }
  return response;
}

}  // namespace yardmaster::agent
