#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

#include "agent/http/server.h"

namespace yardmaster::agent {

/// What the request says about the form of its answer.
struct ResponseFraming {
  bool keep_alive = true;
  bool http_1_0 = false;  ///< such a client must be told that the connection stays
  bool head = false;      ///< headers alone
};

/// The text of the Date header (RFC 9110, 5.6.7), made anew once a second. One thread.
class DateText {
 public:
  std::string_view at(std::time_t now);

 private:
  std::time_t made_at_ = -1;
  std::string text_;
};

/// Appends `response` to `out` as HTTP/1.1; of one that is streamed the headers alone, which tell
/// HTTP/1.1 clients of chunks and HTTP/1.0 clients of the connection's end.
void append_response(const HttpResponse& response, const ResponseFraming& framing,
                     std::string_view date, std::string& out);

/// Appends one piece of a streamed body; as a chunk (RFC 9112, 7.1) unless the client is of
/// HTTP/1.0. An empty one would end the body, so it is left out.
void append_chunk(std::string_view bytes, const ResponseFraming& framing, std::string& out);

/// Appends the end of a streamed body.
void append_last_chunk(const ResponseFraming& framing, std::string& out);

}  // namespace yardmaster::agent
