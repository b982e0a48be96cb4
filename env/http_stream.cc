#include "env/http_stream.h"

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>

namespace yardmaster::env {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr std::chrono::seconds kRestTimeout{1};

std::string milliseconds_of(std::chrono::milliseconds time) {
  return std::to_string(time.count()) + " ms";
}

}  // namespace

Result<ChatAnswer> UpstreamCall::finish(bool whole, SteadyTime start) {
  if (!whole) return fail(failure());
  keep_connection();
  const HttpExchange::Message& message = exchange_->message();
  ChatAnswer answer;
  answer.status = message.result_int();
  answer.content_type = std::string(message[http::field::content_type]);
  answer.retry_after = std::string(message[http::field::retry_after]);
  answer.body = std::move(exchange_->body());
  answer.latency_s = seconds_since(start);
  return answer;
}

Error UpstreamCall::failure() const {
  const std::string who = "upstream '" + spec_->name + "': ";
  const boost::system::error_code error = exchange_->error();
  switch (exchange_->timeout()) {
    case HttpExchange::Timeout::none:
      break;
    case HttpExchange::Timeout::first_byte:
      return {ErrorCode::timed_out, who + "no byte of an answer before the deadline of " +
                                        milliseconds_of(spec_->first_byte_timeout) +
                                        "; use a faster model, or raise first_byte_timeout_s"};
    case HttpExchange::Timeout::idle:
      return {ErrorCode::timed_out, who + "the answer stopped, and did not go on for " +
                                        milliseconds_of(spec_->idle_timeout) +
                                        "; try again, or raise idle_timeout_s"};
    case HttpExchange::Timeout::total:
      return {ErrorCode::timed_out, who + "no whole answer before the deadline of " +
                                        milliseconds_of(spec_->total_timeout) +
                                        "; use a faster model, or raise total_timeout_s"};
  }
  if (error == http::error::body_limit) {
    return {ErrorCode::io, who + "the answer is larger than " +
                               std::to_string(spec_->max_response_bytes) +
                               " bytes; ask for less, or raise max_response_bytes"};
  }
  if (error.category() == http::make_error_code(http::error::bad_method).category() &&
      error != http::error::partial_message) {
    return {ErrorCode::io,
            who + "the answer is not HTTP/1.1: " + error.message() + "; check base_url"};
  }
  return {ErrorCode::io,
          who + "the connection broke " +
              (exchange_->answered() ? "in the middle of the answer" : "before an answer came") +
              ": " + error.message() + "; try again"};
}

asio::awaitable<Result<std::string_view>> HttpStream::read() {
  HttpExchange& exchange = call_.exchange();
  bytes_.clear();
  const bool good = co_await exchange.read_some();
  if (!good) co_return fail(call_.failure());
  bytes_.swap(exchange.body());
  if (exchange.complete()) {
    if (bytes_.empty() && exchange.ends_with_connection()) {
      co_return fail(ErrorCode::io, "the connection broke in the middle of the stream; try again");
    }
    call_.keep_connection();
  }
  co_return std::string_view(bytes_);
}

asio::awaitable<void> read_rest(std::unique_ptr<AnswerStream> stream) {
  stream->end_by(std::chrono::steady_clock::now() + kRestTimeout);
  while (!stream->ended()) {
    const auto bytes = co_await stream->read();
    if (!bytes) co_return;
  }
}

}  // namespace yardmaster::env
