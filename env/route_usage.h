#pragma once

#include <boost/json/fwd.hpp>
#include <string_view>

#include "base/result.h"
#include "env/api_route.h"
#include "env/usage.h"

namespace yardmaster::env {

/// Reads id and usage from an answer of the route; what is absent or odd stays empty. Fails with io
/// where the answer is none: no JSON object, or an error that came with a status of success.
Result<Usage> read_usage(ApiRoute route, std::string_view answer_body);

/// Adds what an answer, or an event of one, says to `usage`; absent fields stay as they were.
void read_usage(ApiRoute route, const boost::json::object& answer, Usage& usage);

}  // namespace yardmaster::env
