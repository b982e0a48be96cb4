#pragma once

#include "env/stream_reader.h"

namespace yardmaster::env {

/// Reads a streamed chat completion: OpenAI's chunks as server-sent events, [DONE] at the end.
class ChatStreamReader final : public StreamReader {
 public:
  /// `hide_usage`: the event that holds the usage alone is not passed on, since the client did not
  /// ask for it.
  explicit ChatStreamReader(bool hide_usage, std::size_t max_event_bytes = kMaxEventBytes)
      : StreamReader(max_event_bytes), hide_usage_(hide_usage) {}

 private:
  Status take_event(std::string_view event, std::string_view data) override;

  bool hide_usage_;
};

}  // namespace yardmaster::env
