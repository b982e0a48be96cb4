#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

/// JSON that gives numbers back bit for bit: Boost.JSON 1.81's own parser is off by a unit in the
/// last place for some doubles. Pure functions; any thread.
namespace yardmaster::replay {

/// Parses one JSON text; doubles are the nearest to what is written. Fails with invalid_argument
/// and says where.
Result<boost::json::value> parse_exactly(std::string_view text);

/// Appends the shortest decimal that reads back as `value`, for a float also where it is read as a
/// double and then rounded; null if it is not finite.
void append_number(double value, std::string& out);
void append_number(float value, std::string& out);

/// Appends `text` in quotes, with escapes. Bytes that are not UTF-8 become U+FFFD.
void append_string(std::string_view text, std::string& out);

}  // namespace yardmaster::replay
