#pragma once

#include "agent/config.h"
#include "agent/config_problems.h"

namespace yardmaster::agent {

/// Tells `problems` of what no single key shows: names that are missing, doubled or refer to
/// nothing, sections that contradict each other, an open address without keys. `made_keys`: there
/// are keys that were made at run time.
void check_config(const Config& config, bool made_keys, Problems& problems);

}  // namespace yardmaster::agent
