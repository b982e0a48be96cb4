#pragma once

#include <string_view>

namespace yardmaster {

namespace detail {
extern const bool failpoint_is_set;
void pass_failpoint(std::string_view name);
}  // namespace detail

/// A moment, by name, at which the crash tests have the process killed: with
/// YARDMASTER_FAILPOINT=NAME:N in its environment it is, by SIGKILL, as it passes NAME for the Nth
/// time. Without that a load and a branch, so the program under test is the one that is shipped.
/// docs/development.md lists the names. Any thread.
inline void failpoint(std::string_view name) {
  if (detail::failpoint_is_set) [[unlikely]] {
    detail::pass_failpoint(name);
  }
}

}  // namespace yardmaster
