#include "agent/http/request_reader.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <cstring>

namespace yardmaster::agent {

namespace http = boost::beast::http;

namespace {

constexpr std::size_t kHeaderReadBytes = 4u << 10;
constexpr std::size_t kBodyReadBytes = 64u << 10;

}  // namespace

RequestReader::RequestReader(const HttpLimits& limits) : limits_(limits) { next(); }

void RequestReader::next() {
  // A large body's read buffer is not kept for as long as the connection.
  if (buffer_.size() == 0 && buffer_.capacity() > kBodyReadBytes / 2) buffer_.shrink_to_fit();
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(limits_.max_header_bytes));
  parser_->body_limit(limits_.max_body_bytes);
  headers_checked_ = false;
  framing_ = {};
  refusal_.reset();
}

boost::asio::mutable_buffer RequestReader::prepare() {
  return buffer_.prepare(headers_checked_ ? kBodyReadBytes : kHeaderReadBytes);
}

RequestReader::Progress RequestReader::advance() {
  if (!parser_->got_some()) {
    // Some clients end a body with a line break too many (RFC 9112, 2.2).
    while (buffer_.size() >= 2 && std::memcmp(buffer_.cdata().data(), "\r\n", 2) == 0) {
      buffer_.consume(2);
    }
    if (buffer_.size() == 0) return Progress::between;
  }
  if (const auto error = parse()) return refuse(error);
  if (parser_->is_header_done() && !headers_checked_) {
    headers_checked_ = true;
    const Progress checked = check_headers();
    if (checked != Progress::body) return checked;
    if (const auto error = parse()) return refuse(error);
  }
  if (parser_->is_done()) return Progress::complete;
  // Only a chunk's extensions or a trailer can pile up here: bodies are consumed as they come.
  if (headers_checked_ && buffer_.size() > limits_.max_header_bytes) {
    return refuse(http::error::header_limit);
  }
  return headers_checked_ ? Progress::body : Progress::header;
}

boost::beast::error_code RequestReader::parse() {
  boost::beast::error_code error;
  while (!parser_->is_done() && buffer_.size() > 0) {
    const bool header_was_done = parser_->is_header_done();
    buffer_.consume(parser_->put(buffer_.cdata(), error));
    if (error == http::error::need_more) return {};
    if (error || parser_->is_header_done() != header_was_done) return error;
  }
  return error;
}

/// The parser knows it once all headers are there.
std::string_view RequestReader::target() const {
  const auto parsed = parser_->get().target();
  if (!parsed.empty()) return {parsed.data(), parsed.size()};
  std::string_view line(static_cast<const char*>(buffer_.cdata().data()), buffer_.size());
  line = line.substr(0, line.find_first_of("\r\n"));
  const std::size_t begin = line.find(' ');
  if (begin == std::string_view::npos) return {};
  line.remove_prefix(begin + 1);
  return line.substr(0, line.find(' '));
}

/// What the headers alone decide; Progress::body when there is nothing to say.
RequestReader::Progress RequestReader::check_headers() {
  const auto& request = parser_->get();
  framing_.head = request.method() == http::verb::head;
  framing_.http_1_0 = request.version() < 11;
  framing_.keep_alive = parser_->keep_alive();
  if (!framing_.http_1_0 && request.find(http::field::host) == request.end()) {
    return refuse(400, "the request has no Host header; HTTP/1.1 asks for one");
  }
  const auto encoding = request.find(http::field::transfer_encoding);
  if (encoding != request.end() && !boost::beast::iequals(encoding->value(), "chunked")) {
    return refuse(501, "this Transfer-Encoding is not supported; send Content-Length or chunked");
  }
  parser_->eager(true);
  const auto expect = request.find(http::field::expect);
  if (expect == request.end() || framing_.http_1_0 || parser_->is_done()) return Progress::body;
  if (!boost::beast::iequals(expect->value(), "100-continue")) {
    return refuse(417, "the Expect header asks for something unknown; only 100-continue is");
  }
  return buffer_.size() == 0 ? Progress::send_continue : Progress::body;
}

RequestReader::Progress RequestReader::end_of_stream() {
  if (!parser_->got_some() && buffer_.size() == 0) return Progress::between;
  return refuse(400, "the connection ended in the middle of the request; send it whole");
}

RequestReader::Progress RequestReader::refuse(unsigned status, std::string_view message,
                                              std::string_view code) {
  framing_.keep_alive = false;
  refusal_ = error_response(status, message, code);
  return Progress::refused;
}

RequestReader::Progress RequestReader::refuse(boost::beast::error_code error) {
  if (error == http::error::body_limit) {
    return refuse(413,
                  "the body is larger than " + std::to_string(limits_.max_body_bytes) +
                      " bytes; send less, or raise max_body_bytes",
                  "request_too_large");
  }
  if (error == http::error::header_limit) {
    return refuse(431,
                  "the headers are larger than " + std::to_string(limits_.max_header_bytes) +
                      " bytes; send fewer or shorter ones",
                  "headers_too_large");
  }
  return refuse(400, "this is not a well-formed HTTP/1.1 request: " + error.message());
}

}  // namespace yardmaster::agent
