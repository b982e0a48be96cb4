#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/call_retry.h"
#include "agent/gen_ai_metrics.h"
#include "agent/http/server.h"
#include "agent/model_health.h"
#include "base/decision.h"
#include "base/result.h"
#include "env/model_pool.h"
#include "env/route_usage.h"
#include "env/stream_reader.h"
#include "env/upstream.h"

namespace yardmaster::agent {

/// How the answer to a chat request is wanted.
struct ChatForm {
  bool stream = false;
  bool wants_usage = false;  ///< of a stream: the client asked for it
};

/// One upstream call for a chat request: how it ended or, where the answer streams, began.
struct ChatAttempt {
  const env::ModelSpec* model = nullptr;

  /// What came, whatever the status; a stream's has no body. An error: nothing usable came.
  Result<env::ChatAnswer> answer;

  std::unique_ptr<env::AnswerStream> stream;  ///< set where the answer streams, with
  std::unique_ptr<env::StreamReader> reader;  ///< its first chunk in this

  env::Usage usage;                     ///< of a whole answer
  double wall_s = 0;                    ///< that the call has taken so far
  std::optional<double> first_token_s;  ///< of a stream: until its first chunk

  /// What earlier calls of the same model failed with, after which it was called again; the times
  /// above count from the first one on.
  std::vector<std::string> before = {};

  bool success() const { return answer && answer->status >= 200 && answer->status < 300; }

  /// The client's own mistakes, which another model would answer alike: passed on as they came.
  bool clients_fault() const;

  bool failed() const { return !success() && !clients_fault(); }
};

/// Calls `upstream` (nullptr: it is not running) for `call.model` with the client's body in
/// `call.body`, and waits for the whole answer or for the first chunk of a stream.
boost::asio::awaitable<ChatAttempt> attempt_chat(env::Upstream* upstream, env::ChatCall call,
                                                 ChatForm form);

/// What came of an attempt that does not stream; nothing to learn from where it was the client's
/// fault.
Outcome outcome_of(const ChatAttempt& attempt, Timestamp now);

/// USD for the tokens, where both counts and the prices are known.
std::optional<double> cost_of_usage(const env::ModelSpec& model, const env::Usage& usage);

/// The same for the gen_ai metrics.
GenAiCall gen_ai_call_of(const ChatAttempt& attempt);

/// What an attempt that failed says of the model's health.
CallFailure call_failure_of(const ChatAttempt& attempt, Timestamp now);

/// What an attempt says of calling the same model again; neither where it may not be.
RetryCase retry_case_of(const ChatAttempt& attempt, const RetrySettings& settings, Timestamp now);

/// Makes `again` follow `failed`, the same call before it, `waited_s` after that had ended.
void follow_on(const ChatAttempt& failed, double waited_s, ChatAttempt& again);

/// "answered after HTTP 503" of an attempt that was not the first; empty of one that was.
std::string note_of_retries(const ChatAttempt& attempt);

/// An attempt that failed, for the client.
struct FailedAttempt {
  const env::ModelSpec* model = nullptr;
  DecisionId decision;
  std::string what;         ///< "HTTP 500", or the error with the upstream's words
  std::string unquoted;     ///< the same without its words, for the log
  unsigned status = 502;    ///< what the client gets if there is no other: 429, 502, 503 or 504
  std::string retry_after;  ///< the upstream's; empty: none
};
FailedAttempt failed_attempt_of(const ChatAttempt& attempt, const DecisionId& decision);

/// The answer for the client where no model answered: at least one attempt, in their order.
HttpResponse failure_response(std::span<const FailedAttempt> attempts);

}  // namespace yardmaster::agent
