#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
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
  ServerState(boost::asio::io_context& io, HttpLimits http_limits, HttpServer::Handler answer)
      : limits(http_limits), handler(std::move(answer)), all_closed(io) {}

  const HttpLimits limits;
  const HttpServer::Handler handler;
  bool draining = false;
  bool retiring = false;  ///< no connection serves more than one request more
  DateText date;
  std::unordered_set<Connection*> connections;
  std::atomic<std::size_t> count{0};     ///< of connections
  boost::asio::steady_timer all_closed;  ///< cancelled when the last connection goes
};

/// One client's connection: reads requests, has them answered, writes the answers in order.
/// Instead of a timer it has a deadline, which the server looks at from time to time: arming a
/// timer for each operation costs as much as a small request. One thread.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                                  boost::asio::io_context::executor_type>;
  using TimePoint = std::chrono::steady_clock::time_point;

  Connection(std::shared_ptr<ServerState> server, Socket socket);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Serves until either side closes. Call once.
  void start();

  /// Cuts what has passed its deadline: a slow request is answered with 408, anything else closed.
  void check_deadline(TimePoint now);

  /// No request under way: nobody waits for an answer.
  bool idle() const { return phase_ == Phase::idle; }

  /// Closes at once.
  void close();

  /// Closes at once and cancels the handler.
  void cut();

 private:
  enum class Phase { idle, reading, handling, writing, lingering };
  class PieceWriter;

  boost::asio::awaitable<void> serve();
  boost::asio::awaitable<bool> read_request();
  boost::asio::awaitable<HttpResponse> answer();
  boost::asio::awaitable<HttpResponse> handle(HttpRequest request);
  boost::asio::awaitable<bool> stream(std::unique_ptr<StreamedBody> body, ResponseFraming framing);
  boost::asio::awaitable<bool> write_piece(std::string_view bytes, const ResponseFraming& framing);
  void watch_for_end();
  boost::asio::awaitable<bool> write(std::string_view bytes);
  boost::asio::awaitable<void> linger();
  void enter(Phase phase, std::chrono::milliseconds limit);
  void await_bytes(RequestReader::Progress progress);

  std::shared_ptr<ServerState> server_;
  Socket socket_;
  boost::asio::cancellation_signal cancel_;
  RequestReader reader_;
  std::string out_;
  Phase phase_ = Phase::idle;
  RequestReader::Progress waiting_for_ = RequestReader::Progress::complete;
  TimePoint deadline_ = TimePoint::max();
  std::function<void()> when_gone_;  ///< whom to tell, while an answer is streamed
  bool refused_ = false;             ///< reader_ holds a refusal instead of a request
  bool too_slow_ = false;            ///< the request missed its deadline
};

}  // namespace yardmaster::agent
