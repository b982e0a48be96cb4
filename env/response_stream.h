#pragma once

#include "env/stream_reader.h"

namespace yardmaster::env {

/// Reads a streamed answer of OpenAI's /v1/responses. It ends with response.completed,
/// response.incomplete or response.failed, which has the usage.
class ResponseStreamReader final : public StreamReader {
 public:
  explicit ResponseStreamReader(std::size_t max_event_bytes = kMaxEventBytes)
      : StreamReader(max_event_bytes) {}

  Status finish() const override;

 private:
  Status take_event(std::string_view event, std::string_view data) override;
};

}  // namespace yardmaster::env
