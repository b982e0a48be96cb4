#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/common/test_certificates.h"

namespace yardmaster::test {

/// The head of an answer that streams events; chunks follow.
inline constexpr char kStreamHead[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// The bytes as one chunk of a chunked body.
std::string chunk(std::string_view bytes);

/// A server on loopback that does to each connection what the test's script says: for playing
/// upstreams, also broken ones. One thread a connection.
class ScriptedServer {
 public:
  using Request = boost::beast::http::request<boost::beast::http::string_body>;

  /// The server's side of one connection. Its functions block; it closes at the end of the script.
  class Peer {
   public:
    Peer(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context* tls, int number);

    int number() const { return number_; }  ///< 0 for the first connection, and so on

    /// The next request; nothing when the client has closed, or after close().
    std::optional<Request> read();
    void send(std::string_view bytes) { try_send(bytes); }
    bool try_send(std::string_view bytes);  ///< false: the client has gone
    /// Sends a 200 with this JSON body.
    void answer(std::string_view body);
    /// Closes the connection ahead of the script's end.
    void close();
    /// Returns when the client closes.
    void wait_for_close();

    bool resumed();            ///< whether the TLS session was an earlier one
    std::string asked_host();  ///< the name that the client asked for by SNI

   private:
    friend class ScriptedServer;
    bool shake_hands();

    std::mutex closing_;
    std::atomic<bool> closed_{false};  // by close()
    std::atomic<bool> done_{false};    // its thread has nothing left to do
    boost::asio::ip::tcp::socket socket_;
    std::optional<boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>> tls_;
    boost::beast::flat_buffer buffer_;
    int number_;
  };

  using Script = std::function<void(Peer& peer)>;

  /// Plain, or TLS with this certificate.
  explicit ScriptedServer(Script script, std::optional<CertificateFiles> certificate = {});
  ~ScriptedServer();

  std::uint16_t port() const { return port_; }
  int connections() const { return accepted_.load(); }  ///< accepted so far

 private:
  struct Connection {
    std::unique_ptr<Peer> peer;
    std::thread thread;
  };

  void accept_all();
  void serve(Peer& peer);
  void forget_finished();

  Script script_;
  boost::asio::io_context io_;
  std::unique_ptr<boost::asio::ssl::context> tls_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::uint16_t port_;
  std::atomic<int> accepted_{0};
  std::atomic<bool> stopping_{false};
  std::vector<Connection> open_;  ///< and those that ended since the last was accepted
  std::thread accepting_;
};

}  // namespace yardmaster::test
