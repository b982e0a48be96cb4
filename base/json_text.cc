#include "base/json_text.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace yardmaster {
namespace {

namespace json = boost::json;

template <class Real>
void append_shortest(Real value, std::string& out) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char text[32];
  // "-0" would be read as an integer, which has no sign.
  const auto written = std::to_chars(text, text + sizeof text, value == 0 ? Real(0) : value);
  out.append(text, written.ptr);
}

/// The length of the UTF-8 sequence at the front of `text` (RFC 3629), 0 if it is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
  const bool surrogate = lead == 0xed && byte(1) > 0x9f;
  const bool too_high = lead == 0xf4 && byte(1) > 0x8f;
  return overlong || surrogate || too_high ? 0 : length;
}

void append_escaped(char c, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHex[static_cast<std::uint8_t>(c) >> 4];
      out += kHex[c & 0x0f];
  }
}

bool needs_escape(char c) { return c == '"' || c == '\\' || static_cast<std::uint8_t>(c) < 0x20; }

void append_value(const json::value& value, std::string& out);

void append_array(const json::array& array, std::string& out) {
  char separator = '[';
  for (const json::value& element : array) {
    out += separator;
    append_value(element, out);
    separator = ',';
  }
  out += array.empty() ? "[]" : "]";
}

void append_object(const json::object& object, std::string& out) {
  char separator = '{';
  for (const auto& [name, value] : object) {
    out += separator;
    append_string(name, out);
    out += ':';
    append_value(value, out);
    separator = ',';
  }
  out += object.empty() ? "{}" : "}";
}

void append_value(const json::value& value, std::string& out) {
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      break;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      break;
    case json::kind::int64:
      out += std::to_string(value.get_int64());
      break;
    case json::kind::uint64:
      out += std::to_string(value.get_uint64());
      break;
    case json::kind::double_:
      append_number(value.get_double(), out);
      break;
    case json::kind::string:
      append_string(value.get_string(), out);
      break;
    case json::kind::array:
      append_array(value.get_array(), out);
      break;
    case json::kind::object:
      append_object(value.get_object(), out);
      break;
  }
}

}  // namespace

void append_number(double value, std::string& out) { append_shortest(value, out); }
std::string number_text(double value) {
  if (!std::isfinite(value)) return "not finite";
  std::string out;
  append_number(value, out);
  return out;
}

void append_number(float value, std::string& out) {
  const std::size_t before = out.size();
  append_shortest(value, out);
  // Readers go by way of a double, and rounding twice is not rounding once: 7.038531e-26 is the
  // one magnitude for which it matters.
  double read = 0;
  std::from_chars(out.data() + before, out.data() + out.size(), read);
  if (!std::isfinite(value) || static_cast<float>(read) == value) return;
  out.resize(before);
  append_shortest(static_cast<double>(value), out);
}

void append_string(std::string_view text, std::string& out) {
  out.push_back('"');
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      out += "\xef\xbf\xbd";  // U+FFFD, the replacement character
    } else if (length == 1 && needs_escape(text.front())) {
      append_escaped(text.front(), out);
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out.push_back('"');
}

std::string to_json(const json::value& value) {
  std::string out;
  append_value(value, out);
  return out;
}

std::string to_json(const json::object& object) {
  std::string out;
  append_object(object, out);
  return out;
}

}  // namespace yardmaster
