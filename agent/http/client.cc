#include "agent/http/client.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "agent/http/tls.h"

namespace yardmaster::agent {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr std::uint64_t kMaxAnswerBytes = 64u << 20;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

}  // namespace

Result<HttpEndpoint> parse_http_endpoint(std::string_view url) {
  const auto parsed = boost::urls::parse_uri(url);
  const bool tls = parsed && parsed->scheme() == "https";
  if (!parsed || (!tls && parsed->scheme() != "http") || parsed->encoded_host().empty() ||
      parsed->has_query()) {
    return fail(ErrorCode::invalid_argument, "'" + std::string(url) +
                                                 "' is not the URL of a daemon; give one like "
                                                 "http://127.0.0.1:8080");
  }
  HttpEndpoint endpoint;
  endpoint.host = parsed->host_address();
  endpoint.tls = tls;
  endpoint.port = parsed->has_port() ? std::string(parsed->port()) : tls ? "443" : "80";
  endpoint.path = parsed->encoded_path();
  if (endpoint.path.ends_with('/')) endpoint.path.pop_back();
  return endpoint;
}

HttpClient::HttpClient(asio::any_io_executor executor, HttpEndpoint endpoint, std::string api_key,
                       std::chrono::milliseconds timeout, std::shared_ptr<asio::ssl::context> tls)
    : executor_(std::move(executor)),
      endpoint_(std::move(endpoint)),
      api_key_(std::move(api_key)),
      timeout_(timeout),
      tls_context_(std::move(tls)) {}

asio::awaitable<Result<HttpClient::Answer>> HttpClient::send(std::string target,
                                                             std::optional<std::string> body,
                                                             Headers headers) {
  if (!stream_) {
    if (Status connected = co_await connect(); !connected) co_return fail(connected.error());
  }
  http::request<http::string_body> request(body ? http::verb::post : http::verb::get,
                                           endpoint_.path + target, 11);
  request.set(http::field::host, endpoint_.host + ":" + endpoint_.port);
  if (!api_key_.empty()) request.set(http::field::authorization, "Bearer " + api_key_);
  if (body) request.set(http::field::content_type, "application/json");
  for (const auto& [name, value] : headers) request.set(name, value);
  if (body) {
    request.body() = std::move(*body);
    request.prepare_payload();
  }

  stream_->expires_after(timeout_);
  if (tls_) co_return co_await exchange(*tls_, request);
  co_return co_await exchange(*stream_, request);
}

template <class Stream>
asio::awaitable<Result<HttpClient::Answer>> HttpClient::exchange(
    Stream& stream, http::request<http::string_body>& request) {
  if (auto [error, sent] = co_await http::async_write(stream, request, kNoThrow); error) {
    co_return fail(broken("sending to", error));
  }
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMaxAnswerBytes);
  if (auto [error, read] = co_await http::async_read(stream, buffer_, parser, kNoThrow); error) {
    co_return fail(broken("reading from", error));
  }
  stream_->expires_never();
  if (!parser.keep_alive()) disconnect();
  co_return parser.release();
}

asio::awaitable<Status> HttpClient::connect() {
  asio::ip::tcp::resolver resolver(executor_);
  auto [unresolved, addresses] =
      co_await resolver.async_resolve(endpoint_.host, endpoint_.port, kNoThrow);
  if (unresolved) {
    co_return fail(ErrorCode::unavailable,
                   "the host '" + endpoint_.host + "' cannot be found: " + unresolved.message());
  }
  buffer_.clear();
  stream_.emplace(executor_);
  stream_->expires_after(timeout_);
  auto [refused, address] = co_await stream_->async_connect(addresses, kNoThrow);
  if (refused) {
    disconnect();
    co_return fail(ErrorCode::unavailable, "no connection to " + endpoint_.host + ":" +
                                               endpoint_.port + ": " + refused.message() +
                                               "; is the daemon running there?");
  }
  stream_->socket().set_option(asio::ip::tcp::no_delay(true));
  if (!endpoint_.tls) co_return Status{};
  co_return co_await shake_hands();
}

asio::awaitable<Status> HttpClient::shake_hands() {
  tls_.emplace(*stream_, *tls_context_);
  boost::system::error_code failed = asio::error::invalid_argument;
  if (expect_host(tls_->native_handle(), endpoint_.host)) {
    const auto [error] = co_await tls_->async_handshake(asio::ssl::stream_base::client, kNoThrow);
    failed = error;
  }
  if (!failed) co_return Status{};
  const long verdict = SSL_get_verify_result(tls_->native_handle());
  const std::string why = verdict == X509_V_OK ? failed.message()
                                               : std::string("its certificate is not trusted: ") +
                                                     X509_verify_cert_error_string(verdict);
  disconnect();
  co_return fail(ErrorCode::unavailable,
                 "no TLS connection to " + endpoint_.host + ":" + endpoint_.port + ": " + why);
}

void HttpClient::disconnect() {
  tls_.reset();
  stream_.reset();
}

/// A connection in an unknown state is never used again.
Error HttpClient::broken(std::string_view doing, const boost::system::error_code& error) {
  disconnect();
  const bool slow = error == beast::error::timeout;
  return {ErrorCode::io, std::string(doing) + " " + endpoint_.host + ":" + endpoint_.port + ": " +
                             (slow ? "no answer within " + std::to_string(timeout_.count()) + " ms"
                                   : error.message())};
}

}  // namespace yardmaster::agent
