#include "env/stream_reader.h"

#include "env/chat_stream.h"
#include "env/message_stream.h"
#include "env/response_stream.h"

namespace yardmaster::env {

Status StreamReader::take(std::string_view bytes) {
  if (!splitter_.append(bytes)) {
    return fail(ErrorCode::io, "an event of the stream is too long");
  }
  while (!done()) {
    const auto event = splitter_.next();
    if (!event) break;
    if (*event == "\n" && swallowed_) continue;
    const std::size_t before = ready_.size();
    const auto data = sse_data(*event, joined_);
    if (!data) {
      pass_on(*event);
    } else if (Status taken = take_event(*event, *data); !taken) {
      return taken;
    }
    swallowed_ = ready_.size() == before;
  }
  if (!started_ && ready_.size() > kMaxEventBytes) {
    return fail(ErrorCode::io, "the stream has comments alone");
  }
  return {};
}

std::unique_ptr<StreamReader> make_stream_reader(ApiRoute route, bool hide_usage) {
  switch (route) {
    case ApiRoute::messages:
      return std::make_unique<MessageStreamReader>();
    case ApiRoute::responses:
      return std::make_unique<ResponseStreamReader>();
    case ApiRoute::chat_completions:
    case ApiRoute::completions:
    case ApiRoute::embeddings:
      break;
  }
  return std::make_unique<ChatStreamReader>(hide_usage);
}

}  // namespace yardmaster::env
