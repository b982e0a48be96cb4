#pragma once

#include <string>

#include "agent/api/services.h"

namespace yardmaster::agent {

/// Everything that /metrics tells, in Prometheus' text format. Adds up the io threads' counters;
/// any thread.
std::string prometheus_text(const Services& services);

}  // namespace yardmaster::agent
