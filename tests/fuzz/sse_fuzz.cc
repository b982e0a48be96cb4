// The cutting of an upstream's stream into events.

#include "env/sse.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;

FUZZ(sse) {
  constexpr std::size_t kMaxEvent = 256;
  const std::size_t every = fuzz::take_byte(input) % 32;
  env::SseSplitter splitter(kMaxEvent);
  std::string events;
  std::string joined;
  bool good = true;
  for (const std::string_view piece : fuzz::pieces(input, every)) {
    good = splitter.append(piece);
    if (!good) break;
    while (const auto event = splitter.next()) {
      events += *event;
      static_cast<void>(env::sse_data(*event, joined).has_value());
    }
  }
  require(input.starts_with(events), "the events together are the stream");
  require(!good || every == 0 || input.size() - events.size() <= kMaxEvent + every,
          "no more than an event and a read is held back");
}
