#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace yardmaster::agent {

/// Appends a line of HTTP/1.1 with its end. Line breaks in the value become spaces, so that no
/// value can begin another header.
void append_header(std::string_view name, std::string_view value, std::string& out);

/// The headers of an answer, kept as they are sent: one piece of text, so that many cost one
/// allocation.
class ResponseHeaders {
 public:
  /// As append_header().
  void add(std::string_view name, std::string_view value);
  void add(std::string_view name, std::uint64_t value);
  void add(std::string_view name, double value);  ///< the shortest digits that read back as it

  /// The first value of a name in the same case; empty where there is none. Valid until the next
  /// add().
  std::string_view find(std::string_view name) const;

  /// Lines of HTTP/1.1, each with its end.
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace yardmaster::agent
