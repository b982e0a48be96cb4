#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/http/response_headers.h"
#include "base/result.h"

namespace boost::asio::ssl {
class context;
}

namespace yardmaster::agent {

/// Who waits for an answer, and may go away meanwhile. One thread.
class HttpClientWatch {
 public:
  virtual ~HttpClientWatch() = default;

  /// `tell` is called, once and on the server's thread, when the client goes away. A client that
  /// closes its sending side is taken to be gone; of one that has sent more, as its next request,
  /// nothing can be told. `tell` is not called once the answer is there.
  virtual void when_gone(std::function<void()> tell) = 0;
};

/// A request and who sent it.
struct HttpRequest : boost::beast::http::request<boost::beast::http::string_body> {
  HttpRequest() = default;
  explicit HttpRequest(boost::beast::http::request<boost::beast::http::string_body> request)
      : boost::beast::http::request<boost::beast::http::string_body>(std::move(request)) {}

  boost::asio::ip::address source;  ///< of the connection: the last proxy's, where there is one
  HttpClientWatch* client =
      nullptr;  ///< until the handler has returned; nullptr: nobody is watched
};

/// Where the pieces of a streamed body go. when_gone(): before the first write; a client that takes
/// nothing of one for HttpLimits::idle_timeout is told of by write() alone. One thread.
class BodyWriter : public HttpClientWatch {
 public:
  /// Sends a piece at once, and waits until the socket has taken all of it: nothing is buffered
  /// beyond that. False: the client is gone, or took nothing for HttpLimits::idle_timeout.
  virtual boost::asio::awaitable<bool> write(std::string_view bytes) = 0;
};

/// A body that comes bit by bit.
class StreamedBody {
 public:
  virtual ~StreamedBody() = default;

  /// Writes the body; called once. The answer ends when this returns. An exception cuts the
  /// connection, so that the client notices.
  virtual boost::asio::awaitable<void> write_to(BodyWriter& out) = 0;
};

/// An answer before it is put into bytes. Content-Length, Transfer-Encoding, Connection and Date
/// are the server's.
struct HttpResponse {
  unsigned status = 200;
  std::optional<std::string> content_type;  ///< nothing: application/json; empty: none is sent
  ResponseHeaders headers;
  std::string body;
  std::unique_ptr<StreamedBody> stream;  ///< in place of `body`; nullptr: none
};

struct HttpLimits {
  std::size_t max_header_bytes = 16u << 10;
  std::size_t max_body_bytes = 16u << 20;
  std::size_t max_connections = 4096;                ///< of this server; more are closed at accept
  std::chrono::milliseconds header_timeout{10'000};  ///< from the first byte to the end of headers
  std::chrono::milliseconds body_timeout{30'000};    ///< for the body after the headers
  std::chrono::milliseconds idle_timeout{75'000};    ///< between requests, and for each write
};

/// An HTTP/1.1 server on one io_context: keep-alive, pipelining (answers in the order of the
/// requests), limits on sizes, counts and times. Errors of the protocol get an OpenAI-shaped JSON
/// error, unless shape_errors() gives it another: 400 malformed, 408 too slow, 413 body too large,
/// 431 headers too large, 503 draining. One thread; several servers, one an io thread, may accept
/// from one listening socket.
class HttpServer {
 public:
  /// Answers one request, on the server's thread. An exception becomes a 500 that names nothing
  /// internal, and is logged. The request is the handler's to move from.
  using Handler = std::function<boost::asio::awaitable<HttpResponse>(HttpRequest request)>;

  /// Binds and listens; port 0 picks a free one. With `tls` (make_server_tls) it speaks HTTPS
  /// alone. Fails with io: address in use, not allowed, ...
  static Result<std::unique_ptr<HttpServer>> listen(
      boost::asio::io_context& io, std::string_view address, std::uint16_t port, HttpLimits limits,
      Handler handler, std::shared_ptr<boost::asio::ssl::context> tls = nullptr);

  virtual ~HttpServer() = default;

  /// Gives an error the shape that clients of `target` (path and query; empty where it is not
  /// known) expect. On the server's thread.
  using ErrorShape = std::function<void(std::string_view target, HttpResponse& error)>;

  /// Shapes the errors that no handler makes: of the protocol, and in place of an exception. Call
  /// before start().
  virtual void shape_errors(ErrorShape shape) = 0;

  virtual std::uint16_t port() const = 0;

  /// Another server, on `io`, that accepts from this one's socket; the system gives each connection
  /// to whichever is free. One socket, and not one each by SO_REUSEPORT, so that another process is
  /// refused the port. Call before either starts. Fails with io.
  virtual Result<std::unique_ptr<HttpServer>> share(
      boost::asio::io_context& io, HttpLimits limits, Handler handler,
      std::shared_ptr<boost::asio::ssl::context> tls = nullptr) = 0;

  /// Starts accepting.
  virtual void start() = 0;

  /// Stops accepting; each connection that is open is closed after its next answer, so that its
  /// client comes back to whoever accepts from the shared socket now. Returns at once.
  virtual void retire() = 0;

  /// Stops accepting, lets requests under way finish (new ones on open connections are answered
  /// with 503 and Connection: close), closes idle connections, and returns when all are closed or
  /// `grace` has passed, when the rest are cut.
  virtual boost::asio::awaitable<void> drain(std::chrono::milliseconds grace) = 0;

  virtual std::size_t connections() const = 0;  ///< open now; any thread
};

/// The OpenAI error object: {"error":{"message","type","param","code"}}; empty param and code are
/// null.
std::string error_body(std::string_view message, std::string_view type, std::string_view param = {},
                       std::string_view code = {});

/// error_body as a response. The type follows from the status, as OpenAI's does.
HttpResponse error_response(unsigned status, std::string_view message, std::string_view code = {},
                            std::string_view param = {});

/// The HTTP status of an Error.
unsigned http_status(ErrorCode code);

}  // namespace yardmaster::agent
