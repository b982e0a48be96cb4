#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace yardmaster::test {

/// A server-sent event with a name, as Anthropic's streams and OpenAI's responses have them.
inline std::string event(std::string_view name, std::string data) {
  for (char& c : data) {
    if (c == '\n') c = ' ';
  }
  return "event: " + std::string(name) + "\ndata: " + data + "\n\n";
}

/// The events of a stream, each with the blank line at its end.
inline std::vector<std::string> split_events(std::string_view stream) {
  std::vector<std::string> events;
  while (!stream.empty()) {
    const std::size_t end = stream.find("\n\n");
    const std::size_t size = end == std::string_view::npos ? stream.size() : end + 2;
    events.emplace_back(stream.substr(0, size));
    stream.remove_prefix(size);
  }
  return events;
}

}  // namespace yardmaster::test
