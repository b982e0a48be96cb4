#include "agent/http/connection.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>
#include <optional>
#include <utility>
#include <vector>

namespace yardmaster::agent {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

/// An answer's buffer larger than this is not kept for the next one.
constexpr std::size_t kKeptOutputBytes = 64u << 10;

/// A client that still sends when its connection is closed would lose the answer to a reset, so
/// this much more is read and thrown away, for this long.
constexpr std::size_t kLingerBytes = 128u << 20;
constexpr std::chrono::milliseconds kLingerTime{3'000};

/// The client spoke HTTP where TLS was expected.
bool is_plain_http(const boost::system::error_code& error) {
  return error.category() == asio::error::get_ssl_category() &&
         ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_HTTP_REQUEST;
}

/// The path without the query string, which may hold what should not be logged.
std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

}  // namespace

Connection::Connection(std::shared_ptr<ServerState> server, Socket socket)
    : server_(std::move(server)), socket_(std::move(socket)), reader_(server_->limits) {
  boost::system::error_code gone;
  source_ = socket_.remote_endpoint(gone).address();
  if (server_->tls != nullptr) tls_ = std::make_unique<TlsStream>(socket_, *server_->tls);
  server_->connections.insert(this);
  server_->count.store(server_->connections.size(), std::memory_order_relaxed);
}

Connection::~Connection() {
  server_->connections.erase(this);
  server_->count.store(server_->connections.size(), std::memory_order_relaxed);
  if (server_->connections.empty()) server_->all_closed.cancel();
}

void Connection::start() {
  boost::system::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  auto keep_alive_until_done = [self = shared_from_this()](std::exception_ptr) {};
  asio::co_spawn(socket_.get_executor(), serve(),
                 asio::bind_cancellation_slot(cancel_.slot(), std::move(keep_alive_until_done)));
}

void Connection::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void Connection::cut() {
  close();
  cancel_.emit(asio::cancellation_type::terminal);
}

void Connection::check_deadline(TimePoint now) {
  if (now < deadline_) return;
  deadline_ = TimePoint::max();
  if (phase_ != Phase::reading) {
    close();
    return;
  }
  too_slow_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Connection::enter(Phase phase, std::chrono::milliseconds limit) {
  phase_ = phase;
  deadline_ = std::chrono::steady_clock::now() + limit;
}

/// The header and the body have one deadline each, however many reads they take.
void Connection::await_bytes(RequestReader::Progress progress) {
  if (progress == waiting_for_) return;
  waiting_for_ = progress;
  switch (progress) {
    case RequestReader::Progress::between:
      return enter(Phase::idle, server_->limits.idle_timeout);
    case RequestReader::Progress::header:
      return enter(Phase::reading, server_->limits.header_timeout);
    default:
      return enter(Phase::reading, server_->limits.body_timeout);
  }
}

asio::awaitable<void> Connection::serve() {
  if (tls_ != nullptr) {
    const bool shaken = co_await shake_hands();
    if (!shaken) co_return;
  }
  while (co_await read_request()) {
    HttpResponse response = co_await answer();
    ResponseFraming framing = reader_.framing();
    if (server_->draining || server_->retiring || too_slow_) framing.keep_alive = false;
    if (response.stream && framing.http_1_0) framing.keep_alive = false;
    if (out_.capacity() > kKeptOutputBytes) out_ = std::string();
    out_.clear();
    append_response(response, framing, server_->date.at(std::time(nullptr)), out_);
    if (response.stream) {
      if (!co_await stream(std::move(response.stream), framing)) co_return;
    } else {
      enter(Phase::writing, server_->limits.idle_timeout);
      if (!co_await write(out_)) co_return;
    }
    if (!framing.keep_alive) {
      co_await linger();
      co_return;
    }
    reader_.next();
  }
}

/// A client that speaks plain HTTP is told so, in its own words.
asio::awaitable<bool> Connection::shake_hands() {
  enter(Phase::handshaking, server_->limits.header_timeout);
  const auto [error] = co_await tls_->async_handshake(asio::ssl::stream_base::server, kNoThrow);
  if (!error) co_return true;
  if (is_plain_http(error)) {
    append_response(error_response(400, "this port speaks TLS; call it by https://"),
                    {.keep_alive = false}, server_->date.at(std::time(nullptr)), out_);
    const bool told = co_await write_plain(out_);
    tls_.reset();
    if (told) co_await linger();
  }
  co_return false;
}

/// True when there is something to answer: a request, or one refused.
asio::awaitable<bool> Connection::read_request() {
  using Progress = RequestReader::Progress;
  waiting_for_ = Progress::complete;
  Progress progress = reader_.advance();
  while (progress != Progress::complete && progress != Progress::refused) {
    if (progress == Progress::send_continue) {
      if (!co_await write(kContinue)) co_return false;
      progress = reader_.advance();
      continue;
    }
    await_bytes(progress);
    if (server_->draining && progress == Progress::between) co_return false;
    boost::system::error_code error;
    std::size_t size = 0;
    if (tls_ == nullptr) {
      std::tie(error, size) = co_await socket_.async_read_some(reader_.prepare(), kNoThrow);
    } else {
      std::tie(error, size) = co_await tls_->async_read_some(reader_.prepare(), kNoThrow);
      if (error == asio::ssl::error::stream_truncated) error = asio::error::eof;
    }
    if (too_slow_) co_return true;
    if (error && (error != asio::error::eof || progress == Progress::between)) co_return false;
    reader_.commit(size);
    progress = error ? reader_.end_of_stream() : reader_.advance();
  }
  refused_ = progress == Progress::refused;
  co_return true;
}

/// What is answered without a handler.
std::optional<HttpResponse> Connection::refusal() {
  if (too_slow_) {
    return error_response(408, "the request took too long to arrive; send it again", "timeout");
  }
  if (refused_) return reader_.take_refusal();
  if (!server_->draining) return std::nullopt;
  HttpResponse response =
      error_response(503, "the daemon is draining; send requests elsewhere", "draining");
  response.headers.add("Retry-After", "1");
  return response;
}

HttpResponse Connection::shaped(std::string_view target, HttpResponse error) const {
  if (server_->shape_error) server_->shape_error(target, error);
  return error;
}

asio::awaitable<HttpResponse> Connection::answer() {
  if (auto refused = refusal()) co_return shaped(reader_.target(), std::move(*refused));
  phase_ = Phase::handling;
  deadline_ = TimePoint::max();
  HttpRequest request = reader_.take_request();
  request.source = source_;
  request.client = this;
  HttpResponse response = co_await handle(std::move(request));
  if (when_gone_ || watching_) co_await end_watch();
  co_return response;
}

/// An exception ends the request, not the connection.
asio::awaitable<HttpResponse> Connection::handle(HttpRequest request) {
  const std::string method(request.method_string());
  const std::string target(request.target());
  std::string failure;
  try {
    auto answering = server_->handler(std::move(request));
    co_return co_await std::move(answering);
  } catch (const std::exception& exception) {
    failure = exception.what();
  } catch (...) {
    failure = "an unknown exception";
  }
  // A connection that was cut had its handler cancelled on purpose.
  if (socket_.is_open()) spdlog::error("{} {} failed: {}", method, path_of(target), failure);
  co_return shaped(
      target,
      error_response(500, "the daemon failed on this request; its log says why", "internal_error"));
}

/// What a body that is streamed knows of the connection.
class Connection::PieceWriter final : public BodyWriter {
 public:
  PieceWriter(Connection& connection, ResponseFraming framing)
      : connection_(connection), framing_(framing) {}

  asio::awaitable<bool> write(std::string_view bytes) override {
    if (!whole_) co_return false;
    whole_ = co_await connection_.write_piece(bytes, framing_);
    co_return whole_;
  }

  void when_gone(std::function<void()> tell) override { connection_.when_gone(std::move(tell)); }

  bool whole() const { return whole_; }

 private:
  Connection& connection_;
  ResponseFraming framing_;
  bool whole_ = true;  ///< every piece so far was sent
};

/// The headers are in out_ already, and go out with the first piece. False: the connection is of no
/// use any more.
asio::awaitable<bool> Connection::stream(std::unique_ptr<StreamedBody> body,
                                         ResponseFraming framing) {
  PieceWriter writer(*this, framing);
  bool whole = false;
  try {
    auto writing = body->write_to(writer);
    co_await std::move(writing);
    whole = writer.whole();
  } catch (const std::exception& exception) {
    if (socket_.is_open()) spdlog::error("a streamed answer was cut: {}", exception.what());
  }
  stop_telling();  // before anything is waited for: where the connection was cut, waiting throws
  co_await end_watch();
  if (!whole) co_return false;
  append_last_chunk(framing, out_);
  enter(Phase::writing, server_->limits.idle_timeout);
  co_return co_await write(out_);
}

asio::awaitable<bool> Connection::write_piece(std::string_view bytes,
                                              const ResponseFraming& framing) {
  append_chunk(bytes, framing, out_);
  enter(Phase::writing, server_->limits.idle_timeout);
  const bool sent = co_await write(out_);
  out_.clear();
  phase_ = Phase::handling;
  deadline_ = TimePoint::max();
  co_return sent;
}

void Connection::when_gone(std::function<void()> tell) {
  when_gone_ = std::move(tell);
  watch_for_end();
}

void Connection::stop_telling() {
  if (!when_gone_) return;
  when_gone_ = nullptr;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

/// From then on nobody is told, and nothing is read but for the next request.
asio::awaitable<void> Connection::end_watch() {
  stop_telling();
  while (watching_) {
    co_await asio::post(socket_.get_executor(), asio::use_awaitable);
    // A part of a TLS record makes the read that was cancelled begin another.
    boost::system::error_code ignored;
    if (watching_) socket_.cancel(ignored);
  }
}

/// Waits for the client's end of sending. Bytes mean that it has sent its next request ahead; then
/// nothing can be told any more until a write fails.
void Connection::watch_for_end() {
  if (tls_ != nullptr) return watch_tls_for_end();
  socket_.async_wait(Socket::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& cancelled) {
                       if (cancelled || !self->when_gone_) return;
                       char byte = 0;
                       boost::system::error_code error;
                       self->socket_.receive(asio::buffer(&byte, 1), Socket::message_peek, error);
                       if (error && error != asio::error::would_block) self->tell_gone();
                     });
}

/// Only reading shows the end inside the stream. What comes in its place is the next request's, and
/// goes where that is read from.
void Connection::watch_tls_for_end() {
  watching_ = true;
  tls_->async_read_some(
      reader_.prepare(),
      [self = shared_from_this()](const boost::system::error_code& error, std::size_t size) {
        self->watching_ = false;
        self->reader_.commit(size);
        if (error && self->when_gone_) self->tell_gone();
      });
}

void Connection::tell_gone() { std::exchange(when_gone_, nullptr)(); }

asio::awaitable<bool> Connection::write(std::string_view bytes) {
  return tls_ == nullptr ? write_plain(bytes) : write_tls(bytes);
}

asio::awaitable<bool> Connection::write_tls(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto [error, size] = co_await tls_->async_write_some(asio::buffer(bytes), kNoThrow);
    if (error) co_return false;
    bytes.remove_prefix(size);
  }
  co_return true;
}

asio::awaitable<bool> Connection::write_plain(std::string_view bytes) {
  while (!bytes.empty()) {
    // Nearly every answer fits the socket's buffer: then no turn of the io_context is needed.
    boost::system::error_code error;
    std::size_t size = socket_.write_some(asio::buffer(bytes), error);
    if (error == asio::error::would_block) {
      std::tie(error, size) = co_await socket_.async_write_some(asio::buffer(bytes), kNoThrow);
    }
    if (error) co_return false;
    bytes.remove_prefix(size);
  }
  co_return true;
}

asio::awaitable<void> Connection::linger() {
  enter(Phase::lingering, kLingerTime);
  boost::system::error_code failed;
  if (tls_ != nullptr) std::tie(failed) = co_await tls_->async_shutdown(kNoThrow);
  failed = {};
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, failed);
  std::vector<char> thrown_away(16u << 10);
  for (std::size_t total = 0; !failed && total < kLingerBytes;) {
    const auto [error, size] =
        co_await socket_.async_read_some(asio::buffer(thrown_away), kNoThrow);
    failed = error;
    total += size;
  }
}

}  // namespace yardmaster::agent
