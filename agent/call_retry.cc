#include "agent/call_retry.h"

#include <algorithm>
#include <cmath>

namespace yardmaster::agent {

using std::chrono::milliseconds;

std::optional<milliseconds> wait_before_retry(const RetrySettings& settings,
                                              const RetryCase& failure, std::uint32_t retries,
                                              milliseconds left, double random) {
  if (retries >= settings.max_retries) return std::nullopt;
  if (!failure.unsent && !failure.retry_after) return std::nullopt;
  if (failure.retry_after && *failure.retry_after > settings.max_wait) return std::nullopt;
  const auto longest = static_cast<double>(settings.max_wait.count());
  const double backoff = std::min(longest, std::ldexp(static_cast<double>(settings.backoff.count()),
                                                      static_cast<int>(std::min(retries, 30u))));
  // Those who were told the same time must not come back all at once, nor ahead of it.
  const milliseconds wait =
      failure.retry_after ? *failure.retry_after + milliseconds(std::llround(backoff * random))
                          : milliseconds(std::llround(backoff * (0.5 + 0.5 * random)));
  if (wait >= left) return std::nullopt;
  return wait;
}

}  // namespace yardmaster::agent
