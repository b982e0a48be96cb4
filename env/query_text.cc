#include "env/query_text.h"

#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace yardmaster::env {
namespace {

constexpr std::array<std::string_view, 15> kCodeStarts = {
    "#include", "#!/",      "def ",    "import ", "from __", "return ", "function ", "const ",
    "public ",  "private ", "SELECT ", "if (",    "for (",   "while (", "} else"};

bool is_code_line(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return false;
  line = line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
  if (line.back() == ';' || line.back() == '{' || line.back() == '}') return true;
  return std::any_of(kCodeStarts.begin(), kCodeStarts.end(),
                     [&](std::string_view start) { return line.starts_with(start); });
}

}  // namespace

std::string_view cut_at_character(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  std::size_t end = max_bytes;
  // A character has at most three bytes after its first; more would be no UTF-8 anyway.
  while (end > 0 && max_bytes - end < 3 && U8_IS_TRAIL(text[end])) --end;
  return text.substr(0, U8_IS_TRAIL(text[end]) ? max_bytes : end);
}

bool is_utf8(std::string_view text) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  for (std::size_t at = 0; at < text.size();) {
    if (bytes[at] < 0x80) {
      ++at;
      continue;
    }
    // ICU counts in 32 bits: look at one character at a time.
    const auto window = static_cast<std::int32_t>(std::min<std::size_t>(4, text.size() - at));
    std::int32_t length = 0;
    UChar32 c = 0;
    U8_NEXT(bytes + at, length, window, c);
    if (c < 0) return false;
    at += static_cast<std::size_t>(length);
  }
  return true;
}

bool is_identifier(std::string_view text) {
  constexpr std::size_t kLongest = 64;
  return !text.empty() && text.size() <= kLongest &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("_-./+").find(c) != std::string_view::npos;
         });
}

std::string_view kind_named(std::string_view text) {
  return is_identifier(text) ? text : "another kind";
}

bool looks_like_code(std::string_view text) {
  if (text.find("```") != std::string_view::npos) return true;
  int code_lines = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (is_code_line(text.substr(0, end)) && ++code_lines == 2) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

}  // namespace yardmaster::env
