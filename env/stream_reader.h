#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "env/api_route.h"
#include "env/route_usage.h"
#include "env/sse.h"

namespace yardmaster::env {

/// Reads a model's streamed answer as it goes by: passes its events on byte for byte, and notes
/// what they say of id, usage, failure and end. No I/O; one thread.
class StreamReader {
 public:
  /// An event longer than this is taken for a fault. Images come as one event.
  static constexpr std::size_t kMaxEventBytes = 8u << 20;

  virtual ~StreamReader() = default;

  /// Takes the next bytes of the stream, cut anywhere. Fails with io, and must not be called again,
  /// on an event that is too long, and where the stream begins with what is none, or with an error.
  Status take(std::string_view bytes);

  /// The bytes have ended. Fails with io where the API has a last event and it has not come.
  virtual Status finish() const { return {}; }

  /// Whole events that are to be passed on; the caller clears it when it has done so. An event is
  /// there as soon as its last byte is. All before the stream has started is held back until then.
  std::string& ready() { return ready_; }
  bool has_ready() const { return started_ && !ready_.empty(); }

  bool started() const { return started_; }  ///< the first of the answer has come
  bool done() const { return !end_.empty(); }

  /// The last event, which is not in ready(): what is added to the stream goes before it.
  const std::string& end() const { return end_; }

  /// The kind of an error event in the middle of the stream; it is passed on as it came.
  const std::optional<std::string>& error() const { return error_; }

  /// Known so far; the usage comes at the end.
  const Usage& usage() const { return usage_; }

 protected:
  explicit StreamReader(std::size_t max_event_bytes) : splitter_(max_event_bytes) {}

  /// One event as it came, and what its data lines say.
  virtual Status take_event(std::string_view event, std::string_view data) = 0;

  void pass_on(std::string_view event) { ready_ += event; }

  bool started_ = false;
  std::string end_;
  std::optional<std::string> error_;
  Usage usage_;

 private:
  SseSplitter splitter_;
  std::string ready_;
  std::string joined_;
  /// The last event was not passed on, so the end of its blank line is not either, should a read
  /// have cut it off.
  bool swallowed_ = false;
};

/// The reader for answers of a route. `hide_usage`: of chat completions and completions, the event
/// that holds the usage alone is not passed on, since the client did not ask for it.
std::unique_ptr<StreamReader> make_stream_reader(ApiRoute route, bool hide_usage);

}  // namespace yardmaster::env
