#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/time.h"

namespace yardmaster::agent {

/// How long a Retry-After header asks to wait from `now` on: seconds, or an HTTP date in any of the
/// three forms of RFC 9110, 5.6.7. 0 for a date that is past; nothing where the header is empty,
/// negative or neither of them.
std::optional<std::chrono::seconds> parse_retry_after(std::string_view header, Timestamp now);

}  // namespace yardmaster::agent
