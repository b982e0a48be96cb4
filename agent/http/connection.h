#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "agent/http/request_reader.h"
#include "agent/http/response_format.h"
#include "agent/http/server.h"

namespace yardmaster::agent {

class Connection;

/// What one server and its connections share. Connections may outlive the server object when an
/// io_context is destroyed with coroutines in it, so each holds a reference. One thread, except
/// for `count`.
struct ServerState {
  ServerState(boost::asio::io_context& io, HttpLimits http_limits, HttpServer::Handler answer,
              std::shared_ptr<boost::asio::ssl::context> tls_context)
      : limits(http_limits),
        handler(std::move(answer)),
        tls(std::move(tls_context)),
        all_closed(io) {}

  const HttpLimits limits;
  const HttpServer::Handler handler;
  const std::shared_ptr<boost::asio::ssl::context> tls;  ///< nullptr: plain HTTP
  HttpServer::ErrorShape shape_error;                    ///< nullptr: errors stay as they are
  bool draining = false;
  bool retiring = false;  ///< no connection serves more than one request more
  DateText date;
  std::unordered_set<Connection*> connections;
  std::atomic<std::size_t> count{0};     ///< of connections
  boost::asio::steady_timer all_closed;  ///< cancelled when the last connection goes
};

/// One client's connection: reads requests, has them answered, writes the answers in order.
/// Instead of a timer it has a deadline, which the server looks at from time to time: arming a
/// timer for each operation costs as much as a small request. Whether it speaks TLS is settled when
/// it is accepted; a plain one pays a comparison with nullptr for that. One thread.
class Connection : public HttpClientWatch, public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                                  boost::asio::io_context::executor_type>;
  using TimePoint = std::chrono::steady_clock::time_point;

  Connection(std::shared_ptr<ServerState> server, Socket socket);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Serves until either side closes. Call once.
  void start();

  /// Cuts what has passed its deadline: a slow request is answered with 408, anything else closed.
  void check_deadline(TimePoint now);

  /// No request under way: nobody waits for an answer.
  bool idle() const { return phase_ == Phase::idle || phase_ == Phase::handshaking; }

  /// While a request is answered.
  void when_gone(std::function<void()> tell) override;

  /// Closes at once.
  void close();

  /// Closes at once and cancels the handler.
  void cut();

 private:
  using TlsStream = boost::asio::ssl::stream<Socket&>;

  enum class Phase { handshaking, idle, reading, handling, writing, lingering };
  class PieceWriter;

  boost::asio::awaitable<void> serve();
  boost::asio::awaitable<bool> shake_hands();
  boost::asio::awaitable<bool> read_request();
  boost::asio::awaitable<HttpResponse> answer();
  std::optional<HttpResponse> refusal();
  HttpResponse shaped(std::string_view target, HttpResponse error) const;
  boost::asio::awaitable<HttpResponse> handle(HttpRequest request);
  boost::asio::awaitable<bool> stream(std::unique_ptr<StreamedBody> body, ResponseFraming framing);
  boost::asio::awaitable<bool> write_piece(std::string_view bytes, const ResponseFraming& framing);
  void watch_for_end();
  void watch_tls_for_end();
  void tell_gone();
  void stop_telling();
  boost::asio::awaitable<void> end_watch();
  boost::asio::awaitable<bool> write(std::string_view bytes);
  boost::asio::awaitable<bool> write_tls(std::string_view bytes);
  boost::asio::awaitable<bool> write_plain(std::string_view bytes);
  boost::asio::awaitable<void> linger();
  void enter(Phase phase, std::chrono::milliseconds limit);
  void await_bytes(RequestReader::Progress progress);

  std::shared_ptr<ServerState> server_;
  boost::asio::ip::address source_;  ///< of the peer
  Socket socket_;
  std::unique_ptr<TlsStream> tls_;  ///< around socket_; nullptr: plain HTTP
  boost::asio::cancellation_signal cancel_;
  RequestReader reader_;
  std::string out_;
  Phase phase_ = Phase::idle;
  RequestReader::Progress waiting_for_ = RequestReader::Progress::complete;
  TimePoint deadline_ = TimePoint::max();
  std::function<void()> when_gone_;  ///< whom to tell, while an answer is made or streamed
  bool watching_ = false;            ///< a read of the TLS stream waits for the client's end
  bool refused_ = false;             ///< reader_ holds a refusal instead of a request
  bool too_slow_ = false;            ///< the request missed its deadline
};

}  // namespace yardmaster::agent
