#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "env/sse.h"
#include "env/usage.h"

namespace yardmaster::env {

/// Reads a streamed chat completion (OpenAI's chunks as server-sent events) as it goes by: passes
/// its events on byte for byte, and notes what they say of id, usage, failure and end. No I/O; one
/// thread.
class ChatStreamReader {
 public:
  /// An event longer than this is taken for a fault. Images come as one event.
  static constexpr std::size_t kMaxEventBytes = 8u << 20;

  /// `hide_usage`: the event that holds the usage alone is not passed on, since the client did not
  /// ask for it.
  explicit ChatStreamReader(bool hide_usage, std::size_t max_event_bytes = kMaxEventBytes)
      : splitter_(max_event_bytes), hide_usage_(hide_usage) {}

  /// Takes the next bytes of the stream, cut anywhere. Fails with io, and must not be called again,
  /// on an event that is too long, and where the first chunk is none: not JSON, or an error.
  Status take(std::string_view bytes);

  /// Whole events that are to be passed on; the caller clears it when it has done so. An event is
  /// there as soon as its last byte is. All before the first chunk is held back until that is
  /// there.
  std::string& ready() { return ready_; }
  bool has_ready() const { return started_ && !ready_.empty(); }

  bool started() const { return started_; }  ///< the first chunk has come
  bool done() const { return !end_.empty(); }

  /// The event "[DONE]", which is not in ready(): what is added to the stream goes before it.
  const std::string& end() const { return end_; }

  /// What an error event in the middle of the stream said; it is passed on as it came.
  const std::optional<std::string>& error() const { return error_; }

  /// Known so far; the usage comes at the end.
  const Usage& usage() const { return usage_; }

 private:
  Status take_event(std::string_view event);

  SseSplitter splitter_;
  bool hide_usage_;
  bool started_ = false;
  std::string ready_;
  std::string end_;
  std::optional<std::string> error_;
  Usage usage_;
  std::string joined_;
};

}  // namespace yardmaster::env
