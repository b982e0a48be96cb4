#include "env/http_exchange.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/beast/http/error.hpp>

namespace yardmaster::env {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr std::uint32_t kMaxHeaderBytes = 64u << 10;

}  // namespace

HttpExchange::HttpExchange(UpstreamConnection& connection, asio::any_io_executor executor,
                           const ExchangeLimits& limits)
    : connection_(connection), limits_(limits), socket_deadline_(std::move(executor)) {}

asio::awaitable<bool> HttpExchange::send(std::string_view request) {
  next_timeout_ =
      limits_.first_byte_deadline < limits_.deadline ? Timeout::first_byte : Timeout::total;
  socket_deadline_.guard(connection_.socket(),
                         std::min(limits_.first_byte_deadline, limits_.deadline));
  // A server may refuse a request before it has read it all, so a failed write is no reason not
  // to look for an answer.
  const boost::system::error_code unsent = co_await connection_.write(request);
  sent_ = !unsent;
  bool good = parse();
  while (good && !(parser_ && parser_->is_header_done())) good = co_await read_once();
  co_return good;
}

asio::awaitable<bool> HttpExchange::read_all() {
  bool good = true;
  while (good && !complete()) good = co_await read_once();
  co_return good;
}

asio::awaitable<bool> HttpExchange::read_some() {
  bool good = true;
  while (good && !complete() && body().empty()) good = co_await read_once();
  // Nothing is read until the next call, so the upstream cannot be blamed for being idle.
  socket_deadline_.move_to(limits_.deadline);
  next_timeout_ = Timeout::total;
  co_return good;
}

asio::awaitable<bool> HttpExchange::read_once() {
  set_deadline();
  error_ = co_await connection_.read();
  answered_ = answered_ || connection_.buffer().size() > 0;
  if (socket_deadline_.expired()) {
    timeout_ = next_timeout_;
    if (!error_) error_ = asio::error::timed_out;
    co_return false;
  }
  if (error_ == asio::error::eof && parser_ && parser_->got_some()) {
    // The end of the connection may be the end of the body (RFC 9112, 6.3).
    error_ = {};
    parser_->put_eof(error_);
    co_return !error_;
  }
  if (error_) co_return false;
  co_return parse();
}

void HttpExchange::set_deadline() {
  if (!answered_) return;  // send() has set it
  const SteadyTime idle = std::chrono::steady_clock::now() + limits_.idle_timeout;
  next_timeout_ = idle < limits_.deadline ? Timeout::idle : Timeout::total;
  socket_deadline_.move_to(std::min(idle, limits_.deadline));
}

/// Feeds what was read to the parser. False when the answer cannot be one.
bool HttpExchange::parse() {
  boost::beast::flat_buffer& buffer = connection_.buffer();
  while (!complete()) {
    if (!parser_) {
      parser_.emplace();
      parser_->eager(true);
      parser_->header_limit(kMaxHeaderBytes);
      parser_->body_limit(limits_.max_body_bytes);
    }
    if (buffer.size() == 0) return true;
    buffer.consume(parser_->put(buffer.cdata(), error_));
    if (error_ == http::error::need_more) {
      error_ = {};
      if (buffer.size() > kMaxHeaderBytes) error_ = http::error::header_limit;
      return !error_;
    }
    if (error_) return false;
    // 1xx says that the answer is still to come (RFC 9110, 15.2).
    if (complete() && parser_->get().result_int() < 200) parser_.reset();
  }
  return true;
}

bool HttpExchange::reusable() const {
  return sent_ && parser_->keep_alive() && connection_.buffer().size() == 0;
}

void HttpExchange::end_by(SteadyTime deadline) {
  limits_.deadline = std::min(limits_.deadline, deadline);
}

void HttpExchange::cancel() {
  boost::system::error_code ignored;
  connection_.socket().close(ignored);
}

}  // namespace yardmaster::env
