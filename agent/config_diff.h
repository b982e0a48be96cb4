#pragma once

#include <string>
#include <vector>

#include "agent/config.h"

namespace yardmaster::agent {

/// How the resolved configs differ, a line each: "models.small.tools: true -> false"; what only one
/// has is "(absent)" in the other. Secrets are hidden, so a changed one does not show.
std::vector<std::string> config_diff(const Config& before, const Config& after);

/// The sections that differ and that a running daemon cannot change: where it listens, its data,
/// what the store was opened with, how it logs.
std::vector<std::string> needs_restart(const Config& before, const Config& after);

}  // namespace yardmaster::agent
