// The reading of upstreams' streams as they go by, for each API.

#include "env/stream_reader.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;

namespace {

/// What came of a stream.
struct Read {
  bool good = true;
  std::string passed_on;
  std::string response_id;
};

Read read(std::string_view stream, std::size_t every, env::ApiRoute route, bool hide_usage) {
  const auto reader = env::make_stream_reader(route, hide_usage);
  Read out;
  for (const std::string_view piece : fuzz::pieces(stream, every)) {
    out.good = reader->take(piece).has_value();
    if (!out.good) break;
    if (reader->has_ready()) {
      out.passed_on += reader->ready();
      reader->ready().clear();
    }
  }
  if (out.good) out.good = reader->finish().has_value();
  out.response_id = reader->usage().response_id;
  return out;
}

}  // namespace

FUZZ(stream_reader) {
  const unsigned choice = fuzz::take_byte(input);
  constexpr env::ApiRoute kRoutes[] = {env::ApiRoute::chat_completions, env::ApiRoute::messages,
                                       env::ApiRoute::responses, env::ApiRoute::completions};
  const env::ApiRoute route = kRoutes[choice % 4];
  const bool hide_usage = (choice & 4) != 0;
  const Read whole = read(input, 0, route, hide_usage);
  const Read cut = read(input, 1 + choice / 8, route, hide_usage);
  require(whole.good == cut.good, "where reads cut a stream decides nothing");
  if (!whole.good) return;
  require(whole.passed_on == cut.passed_on, "what is passed on does not depend on the reads");
  require(whole.response_id == cut.response_id, "nor does the id");
  require(whole.passed_on.size() <= input.size(), "nothing is added");
}
