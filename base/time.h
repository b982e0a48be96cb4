#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace yardmaster {

/// A point in UTC, in microseconds.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// Where the time comes from. The daemon passes `system_clock_now`; tests pass their own.
using Clock = std::function<Timestamp()>;

/// The machine's wall clock.
Timestamp system_clock_now();

/// "2026-01-31T12:00:00.000001Z" (RFC 3339, always UTC, always six digits).
std::string format_rfc3339(Timestamp time);

/// Reads RFC 3339 with `Z` or a numeric offset and zero to nine fractional digits.
Result<Timestamp> parse_rfc3339(std::string_view text);

}  // namespace yardmaster
