// The translation of streams, from Anthropic's events to OpenAI's chunks and back.

#include <memory>

#include "env/stream_reader.h"
#include "env/translation/chunk_events.h"
#include "env/translation/message_events.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;

namespace {

std::unique_ptr<env::StreamTranslator> make(bool from_anthropic) {
  if (from_anthropic) return std::make_unique<env::MessageEventsToChunks>(0);
  return std::make_unique<env::ChunksToMessageEvents>();
}

/// Nothing where the translator refused the stream.
std::optional<std::string> translate(std::string_view stream, std::size_t every, bool anthropic) {
  const auto translator = make(anthropic);
  std::string out;
  for (const std::string_view piece : fuzz::pieces(stream, every)) {
    if (!translator->take(piece)) return std::nullopt;
    out += translator->ready();
    translator->ready().clear();
  }
  if (!translator->finish()) return std::nullopt;
  return out + translator->ready();
}

}  // namespace

FUZZ(stream_translation) {
  const unsigned choice = fuzz::take_byte(input);
  const bool from_anthropic = (choice & 1) != 0;
  const auto whole = translate(input, 0, from_anthropic);
  const auto cut = translate(input, 1 + choice / 2, from_anthropic);
  require(whole == cut, "where reads cut a stream decides nothing");
  if (!whole) return;
  const auto reader = env::make_stream_reader(
      from_anthropic ? env::ApiRoute::chat_completions : env::ApiRoute::messages, false);
  const bool taken = reader->take(*whole).has_value();
  require(taken || whole->find("error") != std::string::npos, "our own stream reader takes it");
  static_cast<void>(translate(*whole, 0, !from_anthropic).has_value());
}
