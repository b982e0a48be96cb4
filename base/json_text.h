#pragma once

#include <boost/json/fwd.hpp>
#include <string>
#include <string_view>

/// Writing JSON. Boost.JSON's own serializer writes .5 as 5E-1 and lets bytes through that are not
/// UTF-8. Pure functions; any thread.
namespace yardmaster {

/// Appends the shortest decimal that reads back as `value`, for a float also where it is read as a
/// double and then rounded; null if it is not finite.
void append_number(double value, std::string& out);
void append_number(float value, std::string& out);

/// The same digits for messages to people; "not finite" where there are none.
std::string number_text(double value);

/// Appends `text` in quotes, with escapes. Bytes that are not UTF-8 become U+FFFD.
void append_string(std::string_view text, std::string& out);

/// A value without blanks, its numbers and strings as above.
std::string to_json(const boost::json::value& value);
std::string to_json(const boost::json::object& object);

}  // namespace yardmaster
