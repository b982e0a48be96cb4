#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "env/proxy.h"

namespace yardmaster::env {

using SteadyTime = std::chrono::steady_clock::time_point;

/// Where an upstream's connections go.
struct Origin {
  std::string upstream;  ///< the upstream's name, for messages
  std::string host;      ///< a DNS name or an IP address, without brackets
  std::string port;
  bool tls = false;
  std::optional<Proxy> proxy = {};  ///< TLS goes through its tunnel; plain calls are put to it
};

/// What the TLS connections to one origin share: the certificates trusted and the last session,
/// which spares the next handshake a round trip. One thread.
class TlsClient {
 public:
  /// Trusts `ca_file` (PEM), or the system's certificates if it is empty. Fails with io on a file
  /// that cannot be read.
  static Result<std::shared_ptr<TlsClient>> make(const Origin& origin, const std::string& ca_file);

  /// Trusts nobody yet: use make().
  TlsClient() : context_(boost::asio::ssl::context::tls_client) {}
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  boost::asio::ssl::context& context() { return context_; }

  /// Sets what the handshake of `ssl` needs: the name asked for (SNI), the name that the
  /// certificate must have, the session to resume. False when OpenSSL refuses the name.
  bool prepare(SSL* ssl, const std::string& host) const;

 private:
  static int keep_session(SSL* ssl, SSL_SESSION* session);

  boost::asio::ssl::context context_;
  SSL_SESSION* session_ = nullptr;  // owned
};

/// Closes a socket when its time is up, whatever is under way on it. One thread.
class SocketDeadline {
 public:
  explicit SocketDeadline(boost::asio::any_io_executor executor);
  ~SocketDeadline();
  SocketDeadline(const SocketDeadline&) = delete;
  SocketDeadline& operator=(const SocketDeadline&) = delete;

  /// From now on `socket`, and no other, is closed at `deadline`. It must live until the next
  /// guard() or the end of this object.
  void guard(boost::asio::ip::tcp::socket& socket, SteadyTime deadline);

  /// Another deadline for the same socket. A later one costs next to nothing.
  void move_to(SteadyTime deadline);

  /// Whether the socket last guarded was closed.
  bool expired() const;

 private:
  struct Watch;
  static void wait(std::shared_ptr<Watch> watch);

  std::shared_ptr<Watch> watch_;  // shared with the timer's handler, which may come late
};

/// One connection to an origin, plain or TLS. Not reusable after any failure. One thread.
class UpstreamConnection {
 public:
  /// Plain if there is no `tls`.
  UpstreamConnection(boost::asio::any_io_executor executor, std::shared_ptr<TlsClient> tls);
  ~UpstreamConnection();
  UpstreamConnection(const UpstreamConnection&) = delete;
  UpstreamConnection& operator=(const UpstreamConnection&) = delete;

  /// Resolves, connects, has the proxy make a tunnel, shakes hands, all before `deadline`. Fails
  /// with unavailable.
  boost::asio::awaitable<Status> open(const Origin& origin, SteadyTime deadline);

  /// Writes all of `bytes`; they must live until then.
  boost::asio::awaitable<boost::system::error_code> write(std::string_view bytes);

  /// Reads some bytes into buffer().
  boost::asio::awaitable<boost::system::error_code> read();

  /// Bytes read and not consumed yet.
  boost::beast::flat_buffer& buffer() { return buffer_; }

  boost::asio::ip::tcp::socket& socket() { return socket_; }

  /// Whether an idle connection is still good: open, and nothing came unasked, not even its end.
  bool is_quiet();

 private:
  using TcpEndpoints = boost::asio::ip::tcp::resolver::results_type;

  boost::asio::awaitable<Result<TcpEndpoints>> resolve(const Origin& origin, SteadyTime deadline);
  boost::asio::awaitable<Status> make_tunnel(const Origin& origin, const SocketDeadline& limit);
  boost::asio::awaitable<Status> shake_hands(const Origin& origin, const SocketDeadline& limit);

  boost::asio::ip::tcp::socket socket_;
  std::shared_ptr<TlsClient> tls_client_;
  std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
  boost::beast::flat_buffer buffer_;
};

}  // namespace yardmaster::env
