#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <string_view>

#include "agent/http/response_format.h"
#include "agent/http/server.h"

namespace yardmaster::agent {

/// The protocol side of one connection, without I/O: takes bytes, gives requests. Read into
/// prepare(), tell how much by commit(), then ask advance() what is next. Bytes beyond a request
/// stay for the one after it (pipelining). One thread.
class RequestReader {
 public:
  enum class Progress {
    between,        ///< no byte of the next request yet: read more
    header,         ///< inside the headers: read more
    send_continue,  ///< the client waits for 100 Continue; send it, then advance() again
    body,           ///< inside the body: read more
    complete,       ///< take_request() has it
    refused         ///< take_refusal() has the answer; the connection must be closed after it
  };

  explicit RequestReader(const HttpLimits& limits);

  boost::asio::mutable_buffer prepare();
  void commit(std::size_t size) { buffer_.commit(size); }

  Progress advance();

  /// The peer sends no more: what is incomplete now stays so, and is refused.
  Progress end_of_stream();

  /// The target of the request that is read, as far as it came; empty where none has.
  std::string_view target() const;

  HttpRequest take_request() { return HttpRequest(parser_->release()); }
  HttpResponse take_refusal() { return std::move(*refusal_); }

  /// How to answer the request that is complete, or refused.
  const ResponseFraming& framing() const { return framing_; }

  /// Forgets the request taken and starts on the next.
  void next();

 private:
  Progress refuse(unsigned status, std::string_view message, std::string_view code = {});
  Progress refuse(boost::beast::error_code error);
  Progress check_headers();
  boost::beast::error_code parse();

  HttpLimits limits_;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  bool headers_checked_ = false;
  ResponseFraming framing_;
  std::optional<HttpResponse> refusal_;
};

}  // namespace yardmaster::agent
