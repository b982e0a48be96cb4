#include "agent/http/response_headers.h"

#include <algorithm>
#include <charconv>

namespace yardmaster::agent {
namespace {

/// Of what most answers carry.
constexpr std::size_t kUsualBytes = 320;

constexpr std::string_view kColon = ": ";
constexpr std::string_view kLineEnd = "\r\n";

}  // namespace

void append_header(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append(kColon);
  const std::size_t begin = out.size();
  out += value;
  std::replace_if(
      out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(),
      [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  out += kLineEnd;
}

void ResponseHeaders::add(std::string_view name, std::string_view value) {
  if (text_.empty()) text_.reserve(kUsualBytes);
  append_header(name, value, text_);
}

void ResponseHeaders::add(std::string_view name, std::uint64_t value) {
  char digits[20];
  add(name, {digits, std::to_chars(digits, digits + sizeof digits, value).ptr});
}

void ResponseHeaders::add(std::string_view name, double value) {
  char digits[32];
  add(name, {digits, std::to_chars(digits, digits + sizeof digits, value).ptr});
}

std::string_view ResponseHeaders::find(std::string_view name) const {
  std::string_view left = text_;
  while (!left.empty()) {
    const std::size_t end = left.find(kLineEnd);
    std::string_view line = left.substr(0, end);
    if (line.starts_with(name) && line.substr(name.size()).starts_with(kColon)) {
      return line.substr(name.size() + kColon.size());
    }
    left.remove_prefix(end + kLineEnd.size());
  }
  return {};
}

}  // namespace yardmaster::agent
