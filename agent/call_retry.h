#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace yardmaster::agent {

/// `retry`: when a failed call is made again to the same model.
struct RetrySettings {
  std::uint32_t max_retries = 1;             ///< calls beyond the first; 0: none
  std::chrono::milliseconds backoff{100};    ///< before the first; each doubles it. Half is jitter
  std::chrono::milliseconds max_wait{1000};  ///< a longer Retry-After is not waited for
};

/// How a call failed, as far as calling again goes.
struct RetryCase {
  /// No connection was had, so the upstream saw nothing of the call.
  bool unsent = false;

  /// Of an answer that it is overloaded or limits the rate: so it has not done the work.
  std::optional<std::chrono::milliseconds> retry_after = {};
};

/// How long to wait before the call is made again to the same model; nothing: it is not. `retries`
/// were made before, the request has `left` until its deadline, `random` is uniform in [0, 1). Only
/// what surely was not done is done again.
std::optional<std::chrono::milliseconds> wait_before_retry(const RetrySettings& settings,
                                                           const RetryCase& failure,
                                                           std::uint32_t retries,
                                                           std::chrono::milliseconds left,
                                                           double random);

}  // namespace yardmaster::agent
