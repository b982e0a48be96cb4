#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "env/upstream_connection.h"

namespace yardmaster::env {

/// How long an exchange may take, and how much its answer may hold.
struct ExchangeLimits {
  SteadyTime deadline;                        ///< of the whole
  SteadyTime first_byte_deadline;             ///< of the answer's first byte
  std::chrono::milliseconds idle_timeout{0};  ///< between reads after that
  std::uint64_t max_body_bytes = 0;
};

/// One request and its answer by HTTP/1.1 on one connection, which outlives it. After a failure
/// the connection is of no use any more. One thread.
class HttpExchange {
 public:
  using Message = boost::beast::http::response<boost::beast::http::string_body>;

  HttpExchange(UpstreamConnection& connection, boost::asio::any_io_executor executor,
               const ExchangeLimits& limits);
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  /// Sends the request and reads the answer's headers, with what came of the body along. False: it
  /// failed.
  boost::asio::awaitable<bool> send(std::string_view request);

  /// Reads the body to its end. False: it failed.
  boost::asio::awaitable<bool> read_all();

  /// Reads until some of the body is there, or its end. False: it failed.
  boost::asio::awaitable<bool> read_some();

  bool complete() const { return parser_ && parser_->is_done(); }
  const Message& message() const { return parser_->get(); }

  /// The body as far as it came; who takes it away leaves it empty.
  std::string& body() { return parser_->get().body(); }

  bool reusable() const;  ///< of a complete one: the connection may carry another

  /// The connection's end is the body's end, so nobody can tell whether it is whole.
  bool ends_with_connection() const { return parser_->need_eof(); }

  void end_by(SteadyTime deadline);
  void cancel();

  // What went wrong.
  enum class Timeout { none, first_byte, idle, total };
  Timeout timeout() const { return timeout_; }
  boost::system::error_code error() const { return error_; }
  bool answered() const { return answered_; }  ///< bytes of an answer had come

 private:
  using Parser = boost::beast::http::response_parser<boost::beast::http::string_body>;

  boost::asio::awaitable<bool> read_once();
  bool parse();
  void set_deadline();

  UpstreamConnection& connection_;
  ExchangeLimits limits_;
  SocketDeadline socket_deadline_;
  std::optional<Parser> parser_;
  bool sent_ = false;  // all of the request
  bool answered_ = false;
  Timeout next_timeout_ = Timeout::none;  // what socket_deadline_ stands for now
  Timeout timeout_ = Timeout::none;
  boost::system::error_code error_;
};

}  // namespace yardmaster::env
