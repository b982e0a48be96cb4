#include <algorithm>
#include <string>
#include <string_view>

#include "env/upstream.h"

namespace yardmaster::env {

namespace {

/// Walks a JSON object byte by byte. Knows only where strings and values end: the document is
/// known to be valid, and on one that is not it stops at the end of the text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::size_t position() const { return position_; }

  /// Goes over spaces, then over `c` if it is next.
  bool take(char c) {
    skip_space();
    if (position_ >= text_.size() || text_[position_] != c) return false;
    ++position_;
    return true;
  }

  void skip_space() {
    position_ = std::min(text_.find_first_not_of(" \t\r\n", position_), text_.size());
  }

  /// Goes over a string and returns what stands between its quotes, escapes as they are.
  std::string_view take_string() {
    const std::size_t begin = ++position_;
    std::size_t end = text_.find('"', position_);
    while (true) {
      const std::size_t escape = text_.substr(0, end).find('\\', position_);
      if (escape == std::string_view::npos) break;
      position_ = escape + 2;
      if (position_ > end) end = text_.find('"', position_);
    }
    position_ = std::min(end, text_.size());
    const std::string_view raw = text_.substr(begin, position_ - begin);
    if (position_ < text_.size()) ++position_;
    return raw;
  }

  /// Goes over any value. Nested ones are counted, not recursed into, so depth has no limit.
  void skip_value() {
    std::size_t depth = 0;
    do {
      skip_space();
      if (position_ >= text_.size()) return;
      switch (text_[position_]) {
        case '"':
          take_string();
          break;
        case '{':
        case '[':
          ++depth;
          ++position_;
          break;
        case '}':
        case ']':
          if (depth > 0) --depth;
          ++position_;
          break;
        case ',':
        case ':':
          ++position_;
          break;
        default:
          position_ = std::min(text_.find_first_of(",:]} \t\r\n", position_), text_.size());
      }
    } while (depth > 0);
  }

 private:
  std::string_view text_;
  std::size_t position_ = 0;
};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Whether a string with escapes spells `name`, whose characters have no other escape than \u.
bool spells(std::string_view raw, std::string_view name) {
  std::size_t at = 0;
  for (const char expected : name) {
    if (at >= raw.size()) return false;
    int c = raw[at++];
    if (c == '\\') {
      if (raw.size() < at + 5 || raw[at] != 'u') return false;
      c = 0;
      for (const char digit : raw.substr(at + 1, 4)) c = c * 16 + hex_digit(digit);
      at += 5;
    }
    if (c != expected) return false;
  }
  return at == raw.size();
}

std::string quoted(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

/// What a member's value is replaced by, given what it was; empty where it is absent.
using Replace = std::string (*)(std::string_view old, std::string_view argument);

/// The object with the value of each member of that name replaced, or one added in front.
std::string splice_member(std::string_view object, std::string_view name, Replace replace,
                          std::string_view argument) {
  Scanner scanner(object);
  if (!scanner.take('{')) return std::string(object);
  const std::size_t first_member = scanner.position();

  std::string out;
  out.reserve(object.size() + name.size() + argument.size() + 40);
  std::size_t copied = 0;
  bool found = false;
  bool empty = true;
  while (!scanner.take('}') && scanner.position() < object.size()) {
    if (object[scanner.position()] != '"') break;
    empty = false;
    const bool is_it = spells(scanner.take_string(), name);
    scanner.take(':');
    scanner.skip_space();
    const std::size_t begin = scanner.position();
    scanner.skip_value();
    if (is_it) {
      const std::size_t end = scanner.position();
      out.append(object, copied, begin - copied);
      out += replace(object.substr(begin, end - begin), argument);
      copied = end;
      found = true;
    }
    scanner.take(',');
  }
  if (!found) {
    out.append(object, 0, first_member);
    out.append("\"").append(name).append("\":").append(replace({}, argument));
    if (!empty) out += ',';
    copied = first_member;
  }
  out.append(object, copied);
  return out;
}

std::string replaced(std::string_view, std::string_view argument) { return std::string(argument); }

std::string with_usage(std::string_view options, std::string_view) {
  if (!options.starts_with('{')) options = "{}";
  return splice_member(options, "include_usage", replaced, "true");
}

}  // namespace

std::string splice_model(std::string_view body, std::string_view model) {
  return splice_member(body, "model", replaced, quoted(model));
}

std::string splice_stream_usage(std::string_view body) {
  return splice_member(body, "stream_options", with_usage, {});
}

}  // namespace yardmaster::env
