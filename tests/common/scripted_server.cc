#include "tests/common/scripted_server.h"

#include <openssl/ssl.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <cstdio>
#include <limits>

namespace yardmaster::test {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

std::string chunk(std::string_view bytes) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return std::string(size).append(bytes).append("\r\n");
}

ScriptedServer::Peer::Peer(tcp::socket socket, asio::ssl::context* tls, int number)
    : socket_(std::move(socket)), number_(number) {
  if (tls != nullptr) tls_.emplace(socket_, *tls);
}

/// A socket that is shut down still gives what had come before.
std::optional<ScriptedServer::Request> ScriptedServer::Peer::read() {
  if (closed_) return std::nullopt;
  http::request_parser<http::string_body> parser;
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());
  boost::system::error_code error;
  if (tls_) {
    http::read(*tls_, buffer_, parser, error);
  } else {
    http::read(socket_, buffer_, parser, error);
  }
  if (error) return std::nullopt;
  return parser.release();
}

bool ScriptedServer::Peer::try_send(std::string_view bytes) {
  boost::system::error_code client_gone;
  if (tls_) {
    asio::write(*tls_, asio::buffer(bytes), client_gone);
  } else {
    asio::write(socket_, asio::buffer(bytes), client_gone);
  }
  return !client_gone;
}

void ScriptedServer::Peer::answer(std::string_view body) {
  send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
       std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
}

void ScriptedServer::Peer::close() {
  const std::lock_guard lock(closing_);
  closed_ = true;
  boost::system::error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_both, ignored);
}

void ScriptedServer::Peer::wait_for_close() {
  char thrown_away[4096];
  boost::system::error_code error;
  while (!error) socket_.read_some(asio::buffer(thrown_away), error);
}

bool ScriptedServer::Peer::resumed() { return SSL_session_reused(tls_->native_handle()) == 1; }

std::string ScriptedServer::Peer::asked_host() {
  const char* name = SSL_get_servername(tls_->native_handle(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? "" : name;
}

bool ScriptedServer::Peer::shake_hands() {
  if (!tls_) return true;
  boost::system::error_code error;
  tls_->handshake(asio::ssl::stream_base::server, error);
  return !error;
}

ScriptedServer::ScriptedServer(Script script, std::optional<CertificateFiles> certificate)
    : script_(std::move(script)),
      acceptor_(io_, {asio::ip::address_v4::loopback(), 0}),
      port_(acceptor_.local_endpoint().port()) {
  if (certificate) {
    tls_ = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
    tls_->use_certificate_chain_file(certificate->certificate.string());
    tls_->use_private_key_file(certificate->key.string(), asio::ssl::context::pem);
  }
  accepting_ = std::thread([this] { accept_all(); });
}

/// Blocking calls of other threads end when their socket is shut down, not when it is closed.
ScriptedServer::~ScriptedServer() {
  stopping_.store(true);
  ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
  accepting_.join();
  for (const auto& [peer, thread] : open_) {
    const std::lock_guard lock(peer->closing_);
    if (peer->socket_.is_open()) ::shutdown(peer->socket_.native_handle(), SHUT_RDWR);
  }
  for (Connection& each : open_) each.thread.join();
}

void ScriptedServer::forget_finished() {
  std::erase_if(open_, [](Connection& each) {
    if (!each.peer->done_.load()) return false;
    each.thread.join();
    return true;
  });
}

void ScriptedServer::accept_all() {
  while (true) {
    boost::system::error_code error;
    tcp::socket socket = acceptor_.accept(error);
    if (stopping_.load() || error) return;
    const int number = accepted_.fetch_add(1);
    forget_finished();
    auto peer = std::make_unique<Peer>(std::move(socket), tls_.get(), number);
    std::thread thread([this, served = peer.get()] { serve(*served); });
    open_.push_back({std::move(peer), std::move(thread)});
  }
}

void ScriptedServer::serve(Peer& peer) {
  if (peer.shake_hands()) script_(peer);
  const std::lock_guard lock(peer.closing_);
  boost::system::error_code ignored;
  peer.socket_.shutdown(tcp::socket::shutdown_both, ignored);
  peer.socket_.close(ignored);
  peer.done_.store(true);
}

}  // namespace yardmaster::test
