#include "agent/http/server.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "agent/http/connection.h"

namespace yardmaster::agent {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

/// How long to wait before accepting again when the machine has no file descriptor or memory for
/// another connection.
constexpr std::chrono::milliseconds kAcceptRetry{50};

/// How long cut connections may take to notice that they were.
constexpr std::chrono::milliseconds kCutTime{1'000};

bool is_exhausted(const boost::system::error_code& error) {
  return error == asio::error::no_descriptors || error == asio::error::no_buffer_space ||
         error == asio::error::no_memory ||
         error == boost::system::errc::too_many_files_open_in_system;
}

/// How often deadlines are looked at: often enough that none is missed by more than an eighth.
std::chrono::milliseconds sweep_interval(const HttpLimits& limits) {
  const auto shortest = std::min({limits.header_timeout, limits.body_timeout, limits.idle_timeout});
  return std::clamp(shortest / 8, std::chrono::milliseconds(1), std::chrono::milliseconds(500));
}

using Acceptor = asio::basic_socket_acceptor<tcp, asio::io_context::executor_type>;

class BeastServer final : public HttpServer {
 public:
  BeastServer(asio::io_context& io, HttpLimits limits, Handler handler,
              std::shared_ptr<asio::ssl::context> tls)
      : io_(io),
        state_(std::make_shared<ServerState>(io, limits, std::move(handler), std::move(tls))),
        acceptor_(std::make_shared<Acceptor>(io.get_executor())),
        sweeper_(std::make_shared<asio::steady_timer>(io)) {}

  ~BeastServer() override {
    stop_accepting();
    sweeper_->cancel();
    for (const auto& connection : open_connections()) connection->close();
  }

  Status bind(std::string_view address, std::uint16_t port);

  void shape_errors(ErrorShape shape) override { state_->shape_error = std::move(shape); }
  std::uint16_t port() const override { return port_; }
  Result<std::unique_ptr<HttpServer>> share(asio::io_context& io, HttpLimits limits,
                                            Handler handler,
                                            std::shared_ptr<asio::ssl::context> tls) override;
  void start() override;
  void retire() override;
  asio::awaitable<void> drain(std::chrono::milliseconds grace) override;
  std::size_t connections() const override { return state_->count.load(std::memory_order_relaxed); }

 private:
  static asio::awaitable<void> accept(std::shared_ptr<ServerState> state,
                                      std::shared_ptr<Acceptor> acceptor);
  static asio::awaitable<void> sweep(std::shared_ptr<ServerState> state,
                                     std::shared_ptr<asio::steady_timer> timer);
  asio::awaitable<void> wait_until_closed(std::chrono::milliseconds limit);
  void stop_accepting();
  void close_acceptor();

  /// A copy that keeps them alive: closing one may end it, and others.
  std::vector<std::shared_ptr<Connection>> open_connections() const {
    std::vector<std::shared_ptr<Connection>> open;
    for (Connection* connection : state_->connections)
      open.push_back(connection->shared_from_this());
    return open;
  }

  asio::io_context& io_;
  std::shared_ptr<ServerState> state_;
  std::shared_ptr<Acceptor> acceptor_;  // shared with the coroutines that wait on it
  std::shared_ptr<asio::steady_timer> sweeper_;
  std::uint16_t port_ = 0;
};

Status BeastServer::bind(std::string_view address, std::uint16_t port) {
  boost::system::error_code error;
  const auto ip = asio::ip::make_address(std::string(address), error);
  if (error) {
    return fail(ErrorCode::io, "listen address '" + std::string(address) +
                                   "' is not an IP address; give one like 127.0.0.1 or ::1");
  }
  const tcp::endpoint endpoint(ip, port);
  acceptor_->open(endpoint.protocol(), error);
  if (!error) acceptor_->set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_->bind(endpoint, error);
  if (!error) acceptor_->listen(asio::socket_base::max_listen_connections, error);
  if (!error) port_ = acceptor_->local_endpoint(error).port();
  if (error) {
    return fail(ErrorCode::io, "cannot listen on " + std::string(address) + " port " +
                                   std::to_string(port) + ": " + error.message() +
                                   "; choose another address or port, or stop what uses it");
  }
  return {};
}

Result<std::unique_ptr<HttpServer>> BeastServer::share(asio::io_context& io, HttpLimits limits,
                                                       Handler handler,
                                                       std::shared_ptr<asio::ssl::context> tls) {
  boost::system::error_code error;
  const tcp::endpoint endpoint = acceptor_->local_endpoint(error);
  auto other = std::make_unique<BeastServer>(io, limits, std::move(handler), std::move(tls));
  const int socket = error ? -1 : ::fcntl(acceptor_->native_handle(), F_DUPFD_CLOEXEC, 0);
  if (!error && socket < 0) error.assign(errno, boost::system::system_category());
  if (!error) other->acceptor_->assign(endpoint.protocol(), socket, error);
  if (error) {
    return fail(ErrorCode::io, "cannot share the listening socket: " + error.message() +
                                   "; raise the limit of open files, or lower listen.io_threads");
  }
  other->port_ = port_;
  return std::unique_ptr<HttpServer>(std::move(other));
}

void BeastServer::start() {
  asio::co_spawn(io_, accept(state_, acceptor_), asio::detached);
  asio::co_spawn(io_, sweep(state_, sweeper_), asio::detached);
}

asio::awaitable<void> BeastServer::accept(std::shared_ptr<ServerState> state,
                                          std::shared_ptr<Acceptor> acceptor) {
  asio::steady_timer backoff(acceptor->get_executor());
  while (acceptor->is_open()) {
    auto [error, socket] = co_await acceptor->async_accept(kNoThrow);
    if (!error) {
      // One over the limit is closed by its destructor.
      if (state->connections.size() < state->limits.max_connections) {
        std::make_shared<Connection>(state, std::move(socket))->start();
      }
    } else if (is_exhausted(error)) {
      spdlog::warn("cannot accept connections: {}; raise the limit of open files", error.message());
      backoff.expires_after(kAcceptRetry);
      co_await backoff.async_wait(kNoThrow);
    }
  }
}

asio::awaitable<void> BeastServer::sweep(std::shared_ptr<ServerState> state,
                                         std::shared_ptr<asio::steady_timer> timer) {
  const auto interval = sweep_interval(state->limits);
  while (!(state->draining && state->connections.empty())) {
    timer->expires_after(interval);
    co_await timer->async_wait(kNoThrow);
    const auto now = std::chrono::steady_clock::now();
    for (Connection* connection : state->connections) connection->check_deadline(now);
  }
}

void BeastServer::retire() {
  state_->retiring = true;
  close_acceptor();
}

void BeastServer::stop_accepting() {
  state_->draining = true;
  close_acceptor();
}

void BeastServer::close_acceptor() {
  boost::system::error_code ignored;
  acceptor_->close(ignored);
}

asio::awaitable<void> BeastServer::wait_until_closed(std::chrono::milliseconds limit) {
  if (state_->connections.empty()) co_return;
  state_->all_closed.expires_after(limit);
  co_await state_->all_closed.async_wait(kNoThrow);
}

asio::awaitable<void> BeastServer::drain(std::chrono::milliseconds grace) {
  stop_accepting();
  for (const auto& connection : open_connections()) {
    if (connection->idle()) connection->close();
  }
  co_await wait_until_closed(grace);
  for (const auto& connection : open_connections()) connection->cut();
  co_await wait_until_closed(kCutTime);
  sweeper_->cancel();
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::listen(asio::io_context& io,
                                                       std::string_view address, std::uint16_t port,
                                                       HttpLimits limits, Handler handler,
                                                       std::shared_ptr<asio::ssl::context> tls) {
  auto server = std::make_unique<BeastServer>(io, limits, std::move(handler), std::move(tls));
  if (Status bound = server->bind(address, port); !bound) return fail(bound.error());
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace yardmaster::agent
