#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace yardmaster::env {

/// Cuts a text/event-stream (WHATWG HTML, 9.2.6) into its events, wherever the reads cut it and
/// whichever line ends it has (LF, CRLF, CR). No I/O; one thread.
class SseSplitter {
 public:
  /// `max_event_bytes` bounds what is held back of an event that is not complete.
  explicit SseSplitter(std::size_t max_event_bytes) : max_event_bytes_(max_event_bytes) {}

  /// Takes more of the stream, after next() has given all that there was. Views given out before
  /// are then void. False where an event is longer than the bound: the stream is of no use any
  /// more.
  bool append(std::string_view bytes);

  /// The next whole event as it came, with the blank line that ends it. All events together are the
  /// stream, byte for byte; so where a CRLF was cut in two, its LF comes as an event of its own.
  /// Nothing: more is needed. Valid until the next append().
  std::optional<std::string_view> next();

 private:
  std::size_t max_event_bytes_;
  std::string bytes_;
  std::size_t begin_ = 0;     // of the event under way
  std::size_t position_ = 0;  // looked at so far
  bool line_is_empty_ = true;
  bool after_cr_ = false;  // an LF that follows belongs to the line end before it
};

/// What an event's data lines say, joined by LF; a view into `event` or, where there are several,
/// into `joined`. Nothing: the event has none, such as a comment.
std::optional<std::string_view> sse_data(std::string_view event, std::string& joined);

}  // namespace yardmaster::env
