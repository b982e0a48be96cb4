#pragma once

#include <string>
#include <string_view>

#include "base/decision.h"
#include "base/result.h"

namespace yardmaster::replay {

/// One line (without the newline) of a decision log, as docs/replay-format.md describes it: what
/// /v1/decisions/{id} answers and `yardmaster export` prints.
std::string to_json_line(const DecisionRecord& record);

/// Reads such a line. Unknown fields are ignored, null is absent. Fails with invalid_argument and
/// says which field is wrong.
Result<DecisionRecord> from_json_line(std::string_view line);

}  // namespace yardmaster::replay
