#include "env/translation/stream_translator.h"

namespace yardmaster::env {

Status StreamTranslator::take(std::string_view bytes) {
  if (ended_) return {};
  if (!splitter_.append(bytes)) {
    return fail(ErrorCode::io, "an event of the stream is too long");
  }
  while (!ended_) {
    const auto event = splitter_.next();
    if (!event) break;
    const auto data = sse_data(*event, joined_);
    if (!data) continue;
    if (Status taken = take_data(*data); !taken) return taken;
  }
  return {};
}

}  // namespace yardmaster::env
