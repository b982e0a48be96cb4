#pragma once

#include "env/stream_reader.h"

namespace yardmaster::env {

/// Reads a streamed message of Anthropic's API. It has started with the first event after
/// message_start and pings, so that an upstream which is overloaded before it has begun can still
/// be replaced; it ends with message_stop.
class MessageStreamReader final : public StreamReader {
 public:
  explicit MessageStreamReader(std::size_t max_event_bytes = kMaxEventBytes)
      : StreamReader(max_event_bytes) {}

  Status finish() const override;

 private:
  Status take_event(std::string_view event, std::string_view data) override;
};

}  // namespace yardmaster::env
