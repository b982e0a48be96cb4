// What clients send on a connection, up to the requests that handlers get.

#include <algorithm>
#include <cstring>

#include "agent/http/request_reader.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;
using Progress = agent::RequestReader::Progress;

namespace {

constexpr std::size_t kMaxHeader = 256;
constexpr std::size_t kMaxBody = 128;

/// Requests of one connection as text, and how it ended.
std::string read_all(std::string_view stream, std::size_t every) {
  agent::HttpLimits limits;
  limits.max_header_bytes = kMaxHeader;
  limits.max_body_bytes = kMaxBody;
  agent::RequestReader reader(limits);
  std::string seen;
  const auto settle = [&](Progress progress) {
    while (progress == Progress::complete || progress == Progress::send_continue) {
      if (progress == Progress::complete) {
        const agent::HttpRequest request = reader.take_request();
        require(request.body().size() <= kMaxBody, "a body keeps to its limit");
        std::size_t headers = 0;
        for (const auto& field : request) {
          headers += field.name_string().size() + field.value().size();
        }
        // Trailers of a chunked body have the headers' limit once more.
        require(headers <= 2 * kMaxHeader, "headers keep to their limit");
        seen += std::string(request.method_string()) + ' ' + std::string(request.target()) + '\n' +
                request.body() + '\n';
        if (!reader.framing().keep_alive) return false;
        reader.next();
      }
      progress = reader.advance();
    }
    require(reader.target().find_first_of("\r\n") == std::string_view::npos,
            "a target is of one line");
    if (progress != Progress::refused) return true;
    const agent::HttpResponse refusal = reader.take_refusal();
    require(refusal.status >= 400 && refusal.status < 600, "a refusal is an error");
    seen += "refused " + std::to_string(refusal.status) + '\n';
    return false;
  };
  for (std::string_view piece : fuzz::pieces(stream, every)) {
    while (!piece.empty()) {
      const auto room = reader.prepare();
      const std::size_t size = std::min(piece.size(), room.size());
      require(size > 0, "the reader takes what comes");
      std::memcpy(room.data(), piece.data(), size);
      reader.commit(size);
      piece.remove_prefix(size);
      if (!settle(reader.advance())) return seen;
    }
  }
  settle(reader.end_of_stream());
  return seen;
}

}  // namespace

FUZZ(http_request) {
  const std::size_t every = 1 + fuzz::take_byte(input) % 64;
  static_cast<void>(read_all(input, 0));
  static_cast<void>(read_all(input, every));
}
