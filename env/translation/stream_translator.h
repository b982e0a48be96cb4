#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "env/sse.h"

namespace yardmaster::env {

/// Turns the events of one API's streams into those of another, as they come. No I/O; one thread.
class StreamTranslator {
 public:
  virtual ~StreamTranslator() = default;

  /// Takes the next bytes of the stream, cut anywhere. Fails with io, and must not be called again,
  /// on an event that is too long or is not what the API has. After the stream's end it ignores
  /// what comes.
  Status take(std::string_view bytes);

  /// The bytes have ended. Fails with io where the stream had not.
  virtual Status finish() = 0;

  /// Whole events of the other API; the caller clears it when it has taken them.
  std::string& ready() { return ready_; }

 protected:
  explicit StreamTranslator(std::size_t max_event_bytes) : splitter_(max_event_bytes) {}

  /// What one event's data lines say.
  virtual Status take_data(std::string_view data) = 0;

  /// Nothing after this counts.
  void end() { ended_ = true; }
  bool ended() const { return ended_; }

  std::string ready_;

 private:
  SseSplitter splitter_;
  bool ended_ = false;
  std::string joined_;
};

}  // namespace yardmaster::env
