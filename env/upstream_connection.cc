#include "env/upstream_connection.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <tuple>

namespace yardmaster::env {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;

namespace {

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadBytes = 16u << 10;

tl::unexpected<Error> no_connection(const Origin& origin, const std::string& why) {
  const std::string through = origin.proxy ? " through the proxy " + origin.proxy->name() : "";
  return fail(ErrorCode::unavailable, "upstream '" + origin.upstream + "': no connection to " +
                                          origin.host + ":" + origin.port + through + ": " + why);
}

/// The host and the port of a request to a proxy (RFC 9110, 9.3.6).
std::string authority_of(const Origin& origin) {
  const bool v6 = origin.host.find(':') != std::string::npos;
  return (v6 ? "[" + origin.host + "]" : origin.host) + ":" + origin.port;
}

/// The status of an answer's head; 0 where it is none.
unsigned status_of(std::string_view head) {
  constexpr std::string_view kVersion = "HTTP/1.";
  constexpr std::size_t kAt = kVersion.size() + 2;
  unsigned status = 0;
  if (!head.starts_with(kVersion) || head.size() < kAt + 3) return 0;
  std::from_chars(head.data() + kAt, head.data() + kAt + 3, status);
  return status;
}

constexpr std::size_t kMaxTunnelHeadBytes = 16u << 10;

constexpr char kTooSlow[] =
    "the connect deadline passed; check the network, or raise connect_timeout_s";

/// A name being looked up. The system's resolver cannot be stopped, so at the deadline it is left
/// behind with this state to end in.
struct Lookup {
  explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), timer(executor) {}

  tcp::resolver resolver;
  asio::steady_timer timer;
  std::optional<boost::system::error_code> result;
  tcp::resolver::results_type endpoints;
};

}  // namespace

struct SocketDeadline::Watch {
  explicit Watch(asio::any_io_executor executor) : timer(std::move(executor)) {}

  asio::steady_timer timer;
  tcp::socket* socket = nullptr;
  SteadyTime deadline;  // may be later than the timer's, which then is set anew when it fires
  bool expired = false;
};

SocketDeadline::SocketDeadline(asio::any_io_executor executor)
    : watch_(std::make_shared<Watch>(std::move(executor))) {}

SocketDeadline::~SocketDeadline() {
  watch_->socket = nullptr;
  watch_->timer.cancel();
}

bool SocketDeadline::expired() const { return watch_->expired; }

void SocketDeadline::guard(tcp::socket& socket, SteadyTime deadline) {
  watch_->socket = &socket;
  watch_->expired = false;
  watch_->deadline = deadline;
  watch_->timer.expires_at(deadline);
  wait(watch_);
}

void SocketDeadline::move_to(SteadyTime deadline) {
  watch_->deadline = deadline;
  if (watch_->timer.expiry() <= deadline) return;
  watch_->timer.expires_at(deadline);
  wait(watch_);
}

void SocketDeadline::wait(std::shared_ptr<Watch> watch) {
  Watch& state = *watch;
  state.timer.async_wait([watch = std::move(watch)](const boost::system::error_code& error) {
    // The timer may have been set anew after this handler was already on its way.
    if (error || watch->socket == nullptr) return;
    const SteadyTime now = std::chrono::steady_clock::now();
    if (now < watch->timer.expiry()) return;
    if (now < watch->deadline) {
      watch->timer.expires_at(watch->deadline);
      wait(watch);
      return;
    }
    watch->expired = true;
    boost::system::error_code ignored;
    watch->socket->close(ignored);
  });
}

UpstreamConnection::UpstreamConnection(asio::any_io_executor executor,
                                       std::shared_ptr<TlsClient> tls)
    : socket_(std::move(executor)), tls_client_(std::move(tls)) {}

/// Servers close kept connections without a word, and OpenSSL takes that for a reason never to
/// resume the session, unless told that all is well.
UpstreamConnection::~UpstreamConnection() {
  if (tls_) SSL_set_shutdown(tls_->native_handle(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

asio::awaitable<Status> UpstreamConnection::open(const Origin& origin, SteadyTime deadline) {
  const auto endpoints = co_await resolve(origin, deadline);
  if (!endpoints) co_return fail(endpoints.error());

  SocketDeadline limit(socket_.get_executor());
  limit.guard(socket_, deadline);
  const auto [refused, endpoint] = co_await asio::async_connect(socket_, *endpoints, kNoThrow);
  if (limit.expired()) co_return no_connection(origin, kTooSlow);
  if (refused) {
    co_return no_connection(origin, refused.message() + "; check that it runs and that " +
                                        (origin.proxy ? "HTTPS_PROXY or HTTP_PROXY" : "base_url") +
                                        " is right");
  }
  boost::system::error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  if (!tls_client_) co_return Status{};
  if (origin.proxy) {
    Status made = co_await make_tunnel(origin, limit);
    if (!made) co_return made;
  }
  co_return co_await shake_hands(origin, limit);
}

asio::awaitable<Result<UpstreamConnection::TcpEndpoints>> UpstreamConnection::resolve(
    const Origin& origin, SteadyTime deadline) {
  auto lookup = std::make_shared<Lookup>(socket_.get_executor());
  lookup->timer.expires_at(deadline);
  auto finish = [lookup](const boost::system::error_code& error, TcpEndpoints endpoints) {
    lookup->result = error;
    lookup->endpoints = std::move(endpoints);
    lookup->timer.cancel();
  };
  const auto& [host, port] = origin.proxy ? std::tie(origin.proxy->host, origin.proxy->port)
                                          : std::tie(origin.host, origin.port);
  lookup->resolver.async_resolve(host, port, std::move(finish));
  co_await lookup->timer.async_wait(kNoThrow);
  if (!lookup->result) {
    lookup->resolver.cancel();
    co_return no_connection(origin, kTooSlow);
  }
  if (*lookup->result) {
    co_return no_connection(origin, "the host cannot be found: " + lookup->result->message() +
                                        "; check " + (origin.proxy ? "the proxy" : "base_url") +
                                        " and the name servers");
  }
  co_return lookup->endpoints;
}

/// Asks the proxy for a connection to the origin, after which its bytes are the origin's.
asio::awaitable<Status> UpstreamConnection::make_tunnel(const Origin& origin,
                                                        const SocketDeadline& limit) {
  const std::string authority = authority_of(origin);
  std::string request = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
  if (!origin.proxy->authorization.empty()) {
    request += "Proxy-Authorization: " + origin.proxy->authorization + "\r\n";
  }
  request += "\r\n";
  const auto [unsent, sent] = co_await asio::async_write(socket_, asio::buffer(request), kNoThrow);
  std::string head;
  boost::system::error_code failed = unsent;
  // Byte by byte, since what follows the head is the TLS client's to read.
  while (!failed && !head.ends_with("\r\n\r\n") && head.size() < kMaxTunnelHeadBytes) {
    char byte = 0;
    const auto [error, size] = co_await socket_.async_read_some(asio::buffer(&byte, 1), kNoThrow);
    failed = error;
    if (!failed) head += byte;
  }
  if (limit.expired()) co_return no_connection(origin, kTooSlow);
  const unsigned status = status_of(head);
  if (!failed && head.ends_with("\r\n\r\n") && status >= 200 && status < 300) co_return Status{};
  co_return no_connection(
      origin, "the proxy made no tunnel: " +
                  (status != 0 ? "HTTP " + std::to_string(status) : std::string("no answer")) +
                  "; check HTTPS_PROXY and what the proxy allows");
}

asio::awaitable<Status> UpstreamConnection::shake_hands(const Origin& origin,
                                                        const SocketDeadline& limit) {
  tls_.emplace(socket_, tls_client_->context());
  SSL* handle = tls_->native_handle();
  if (!tls_client_->prepare(handle, origin.host)) {
    co_return no_connection(origin, "TLS cannot ask for this host name; check base_url");
  }
  const auto [failed] = co_await tls_->async_handshake(ssl::stream_base::client, kNoThrow);
  if (limit.expired()) co_return no_connection(origin, kTooSlow);
  if (const long verified = SSL_get_verify_result(handle); failed && verified != X509_V_OK) {
    co_return no_connection(origin, std::string("its certificate is not trusted: ") +
                                        X509_verify_cert_error_string(verified) +
                                        "; check base_url, or name its CA in ca_file");
  }
  if (failed) {
    co_return no_connection(origin, "TLS failed: " + failed.message() +
                                        "; check that base_url should begin with https");
  }
  co_return Status{};
}

asio::awaitable<boost::system::error_code> UpstreamConnection::write(std::string_view bytes) {
  const auto data = asio::buffer(bytes);
  if (tls_) {
    const auto [error, size] = co_await asio::async_write(*tls_, data, kNoThrow);
    co_return error;
  }
  // Nearly every request fits the socket's buffer: then no turn of the io_context is needed.
  boost::system::error_code error;
  const std::size_t sent = socket_.write_some(data, error);
  if (error && error != asio::error::would_block) co_return error;
  if (sent == bytes.size()) co_return error;
  const auto rest = asio::buffer(bytes.substr(sent));
  const auto [failed, size] = co_await asio::async_write(socket_, rest, kNoThrow);
  co_return failed;
}

asio::awaitable<boost::system::error_code> UpstreamConnection::read() {
  const auto space = buffer_.prepare(kReadBytes);
  if (tls_) {
    const auto [error, size] = co_await tls_->async_read_some(space, kNoThrow);
    buffer_.commit(size);
    co_return error;
  }
  const auto [error, size] = co_await socket_.async_read_some(space, kNoThrow);
  buffer_.commit(size);
  co_return error;
}

bool UpstreamConnection::is_quiet() {
  if (!socket_.is_open() || buffer_.size() > 0) return false;
  boost::system::error_code error;
  char byte = 0;
  socket_.receive(asio::buffer(&byte, 1), tcp::socket::message_peek, error);
  return error == asio::error::would_block;
}

}  // namespace yardmaster::env
