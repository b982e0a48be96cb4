#pragma once

#include <string_view>

#include "agent/config.h"
#include "agent/config_problems.h"

namespace yardmaster::agent {

/// Fills `config` from YAML text. Tells `problems` of everything that is malformed: syntax, keys
/// that are unknown or given twice, values of the wrong type or out of range, variables that the
/// environment lacks. Members of such keys keep their defaults. Returns whether the text is a YAML
/// mapping at all.
bool read_config(std::string_view text, const EnvironmentLookup& environment, Problems& problems,
                 Config& config);

}  // namespace yardmaster::agent
