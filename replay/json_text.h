#pragma once

#include <boost/json/value.hpp>
#include <string_view>

#include "base/result.h"

/// Reading JSON that base/json_text.h wrote, its numbers bit for bit: Boost.JSON 1.81's own parser
/// is off by a unit in the last place for some doubles. Pure function; any thread.
namespace yardmaster::replay {

/// Parses one JSON text; doubles are the nearest to what is written. Fails with invalid_argument
/// and says where.
Result<boost::json::value> parse_exactly(std::string_view text);

}  // namespace yardmaster::replay
