#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace yardmaster::agent {

/// Where a daemon listens.
struct HttpEndpoint {
  std::string host;
  std::string port;
  std::string path;  ///< in front of every target, without a trailing slash; usually empty
  bool tls = false;
};

/// Reads "http://HOST[:PORT][/PATH]", or https. Fails with invalid_argument on anything else.
Result<HttpEndpoint> parse_http_endpoint(std::string_view url);

/// One keep-alive connection to a daemon, one request at a time: a client for commands and tests,
/// not for upstreams. Connects when first used and again after a failure. One thread.
class HttpClient {
 public:
  using Answer = boost::beast::http::response<boost::beast::http::string_body>;
  using Headers = std::vector<std::pair<std::string, std::string>>;

  /// `api_key` is sent as a bearer token unless empty. `timeout` bounds one request with its
  /// connecting. An endpoint with TLS needs `tls` (make_client_tls).
  HttpClient(boost::asio::any_io_executor executor, HttpEndpoint endpoint, std::string api_key,
             std::chrono::milliseconds timeout,
             std::shared_ptr<boost::asio::ssl::context> tls = nullptr);

  /// Sends a JSON body (none: a GET) and reads the answer, whatever its status. Fails with
  /// unavailable when no connection can be had, with io when it broke or was too slow; nothing is
  /// sent twice.
  boost::asio::awaitable<Result<Answer>> send(std::string target, std::optional<std::string> body,
                                              Headers headers);

 private:
  using TlsStream = boost::asio::ssl::stream<boost::beast::tcp_stream&>;

  template <class Stream>
  boost::asio::awaitable<Result<Answer>> exchange(
      Stream& stream, boost::beast::http::request<boost::beast::http::string_body>& request);
  boost::asio::awaitable<Status> connect();
  boost::asio::awaitable<Status> shake_hands();
  void disconnect();
  Error broken(std::string_view doing, const boost::system::error_code& error);

  boost::asio::any_io_executor executor_;
  HttpEndpoint endpoint_;
  std::string api_key_;
  std::chrono::milliseconds timeout_;
  std::shared_ptr<boost::asio::ssl::context> tls_context_;
  std::optional<boost::beast::tcp_stream> stream_;  ///< set while connected
  std::optional<TlsStream> tls_;                    ///< around stream_, where TLS is spoken
  boost::beast::flat_buffer buffer_;
};

}  // namespace yardmaster::agent
