// The streamed answers of models.

#include "agent/api/chat_stream.h"

#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/json/object.hpp>

#include "agent/api/access.h"
#include "agent/api/error_shapes.h"
#include "base/json_text.h"

namespace yardmaster::agent {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

using SteadyClock = std::chrono::steady_clock;

double seconds(SteadyClock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

template <class Number>
void put_if_any(json::object& object, std::string_view name, const std::optional<Number>& number) {
  if (number) object[name] = *number;
}

}  // namespace

asio::awaitable<void> Api::ChatStream::write_to(BodyWriter& out) {
  const auto begun = SteadyClock::now();
  out.when_gone([this] {
    gone_ = true;
    attempt_.stream->cancel();
  });
  co_await pass_on(out);
  const double total_s = seconds(SteadyClock::now() - begun - writing_) + attempt_.wall_s;
  const Outcome outcome = make_outcome(total_s);
  const bool failed = outcome.status == Outcome::Status::error;
  api_.count_upstream(*attempt_.model, !failed, total_s * 1e6);
  if (failed) api_.count_failure(*attempt_.model, {.what = outcome.error});
  count(outcome);
  // Before the end is sent: who reads it may send feedback at once.
  co_await api_.record(target_, outcome, attempt_.reader->usage());
  if (gone_) co_return;
  std::string end = closing_comment(outcome);
  if (failed && !attempt_.reader->error()) {
    end += error_event(route_, outcome.error);
  }
  end += attempt_.reader->end();
  co_await out.write(end);
  if (!failed && !attempt_.stream->ended()) {
    asio::co_spawn(co_await asio::this_coro::executor, env::read_rest(std::move(attempt_.stream)),
                   asio::detached);
  }
}

/// Hands on what comes until the end, [DONE], or a failure. The client's speed is the upstream's:
/// the next bytes are read when these have been taken.
asio::awaitable<void> Api::ChatStream::pass_on(BodyWriter& out) {
  env::StreamReader& reader = *attempt_.reader;
  while (true) {
    if (reader.has_ready()) {
      const auto start = SteadyClock::now();
      const bool taken = co_await out.write(reader.ready());
      writing_ += SteadyClock::now() - start;
      reader.ready().clear();
      gone_ = gone_ || !taken;
    }
    if (gone_ || reader.done()) co_return;
    const auto bytes = co_await attempt_.stream->read();
    if (!bytes) {
      failure_ = bytes.error().message;
      co_return;
    }
    if (bytes->empty()) {
      if (Status whole = reader.finish(); !whole) failure_ = whole.error().message;
      co_return;
    }
    if (Status taken = reader.take(*bytes); !taken) {
      failure_ = taken.error().message;
      co_return;
    }
  }
}

Outcome Api::ChatStream::make_outcome(double total_s) const {
  const env::Usage& usage = attempt_.reader->usage();
  Outcome outcome;
  outcome.time = api_.services_.clock();
  outcome.first_token_s = attempt_.first_token_s;
  outcome.input_tokens = usage.input_tokens;
  outcome.output_tokens = usage.output_tokens;
  outcome.cost_usd = cost_of_usage(*attempt_.model, usage);
  if (gone_) {
    // Not the model's failure, and how long the whole would have taken nobody knows.
    outcome.error = "the client left before the end of the stream";
    return outcome;
  }
  const auto stated = attempt_.stream->stated_latency();
  outcome.latency_s = stated ? stated->total_s : total_s;
  outcome.error = note_of_retries(attempt_);
  const std::optional<std::string>& told = attempt_.reader->error();
  if (!failure_.empty() || told) {
    outcome.status = Outcome::Status::error;
    outcome.error =
        "the stream broke: " + (told ? *told : std::string(env::without_words(failure_)));
  }
  return outcome;
}

/// For the gen_ai metrics and the access log.
void Api::ChatStream::count(const Outcome& outcome) const {
  const bool failed = outcome.status == Outcome::Status::error;
  GenAiCall call{
      outcome.latency_s, outcome.first_token_s, outcome.input_tokens, outcome.output_tokens, {}};
  if (failed) call.error = GenAiCall::Error::connection;
  api_.count_call(route_, *attempt_.model, call);
  if (!access_) return;
  add_outcome(outcome, *access_);
  access_->stream = failed ? "broken" : gone_ ? "left" : "complete";
}

/// A comment of the event stream, which clients pass over; what headers say of other answers.
std::string Api::ChatStream::closing_comment(const Outcome& outcome) const {
  json::object closing;
  if (target_.logged) closing["decision_id"] = target_.decision->id.str();
  closing["model"] = attempt_.model->name;
  closing["status"] = to_string(outcome.status);
  if (!hedge_.empty()) closing["hedge"] = hedge_;
  put_if_any(closing, "cost_usd", outcome.cost_usd);
  put_if_any(closing, "input_tokens", outcome.input_tokens);
  put_if_any(closing, "output_tokens", outcome.output_tokens);
  put_if_any(closing, "first_token_s", outcome.first_token_s);
  put_if_any(closing, "latency_s", outcome.latency_s);
  return ": yardmaster " + to_json(closing) + "\n\n";
}

}  // namespace yardmaster::agent
