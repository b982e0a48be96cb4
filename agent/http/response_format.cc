#include "agent/http/response_format.h"

#include <boost/beast/http/status.hpp>
#include <charconv>

namespace yardmaster::agent {

namespace {

void append_number(std::uint64_t number, std::string& out) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

/// 1xx, 204 and 304 have no body and no Content-Length (RFC 9110, 8.6).
bool is_bodiless(unsigned status) { return status < 200 || status == 204 || status == 304; }

}  // namespace

std::string_view DateText::at(std::time_t now) {
  if (now != made_at_) {
    std::tm utc{};
    gmtime_r(&now, &utc);
    char text[32];
    const std::size_t size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    text_.assign(text, size);
    made_at_ = now;
  }
  return text_;
}

void append_response(const HttpResponse& response, const ResponseFraming& framing,
                     std::string_view date, std::string& out) {
  out += "HTTP/1.1 ";
  append_number(response.status, out);
  out += ' ';
  const auto reason =
      boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(response.status));
  out.append(reason.data(), reason.size());
  out += "\r\n";
  append_header("Date", date, out);
  if (!framing.keep_alive) {
    out += "Connection: close\r\n";
  } else if (framing.http_1_0) {
    out += "Connection: keep-alive\r\n";
  }
  out += response.headers.text();
  if (is_bodiless(response.status)) {
    out += "\r\n";
    return;
  }
  const std::string_view type =
      response.content_type ? std::string_view(*response.content_type) : "application/json";
  if (!type.empty()) append_header("Content-Type", type, out);
  if (response.stream) {
    out += framing.http_1_0 ? "\r\n" : "Transfer-Encoding: chunked\r\n\r\n";
    return;
  }
  out += "Content-Length: ";
  append_number(response.body.size(), out);
  out += "\r\n\r\n";
  if (!framing.head) out += response.body;
}

void append_chunk(std::string_view bytes, const ResponseFraming& framing, std::string& out) {
  if (bytes.empty()) return;
  if (framing.http_1_0) {
    out += bytes;
    return;
  }
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, bytes.size(), 16).ptr;
  out.append(digits, end).append("\r\n").append(bytes).append("\r\n");
}

void append_last_chunk(const ResponseFraming& framing, std::string& out) {
  if (!framing.http_1_0) out += "0\r\n\r\n";
}

}  // namespace yardmaster::agent
