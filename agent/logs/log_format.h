#pragma once

#include <string_view>

#include "base/result.h"

namespace yardmaster::agent {

/// The kinds of log that warm start reads; docs/warm-start.md describes each.
enum class LogFormat {
  outcomes,   ///< every model's outcome of each query
  decisions,  ///< what `export` writes: the chosen model's outcome, with propensities
  litellm,    ///< one call a line, as LiteLLM logs it
};

/// Reads "outcomes", "decisions" or "litellm". Fails with invalid_argument.
Result<LogFormat> parse_log_format(std::string_view name);

std::string_view name_of(LogFormat format);

/// Tells the format by the fields of a line: "outcomes" or "candidates" or "model". Fails with
/// invalid_argument where it is none of them.
Result<LogFormat> detect_log_format(std::string_view line);

}  // namespace yardmaster::agent
