#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "agent/keys/api_key.h"
#include "agent/keys/token_bucket.h"
#include "base/time.h"

namespace yardmaster::agent {

/// How far a key is from one of its limits.
struct LimitStanding {
  std::uint64_t limit = 0;
  std::uint64_t remaining = 0;
  std::chrono::microseconds until_full{0};  ///< until all of the limit is there again
};

struct KeyStanding {
  std::optional<LimitStanding> requests;  ///< nothing: no such limit, as below
  std::optional<LimitStanding> tokens;
  double budget_usd_per_day = 0;
  double spent_today_usd = 0;
};

/// Why a request is not let in now.
struct OverLimit {
  enum class What { requests, tokens, budget, feedback };
  What what;
  std::chrono::microseconds retry_after;
};

/// What came of a key's calls since the start of the process, for metrics. Calls are those that ask
/// models; a refused one counts too.
struct KeyUsage {
  std::uint64_t requests = 0;
  std::uint64_t rate_limited = 0;  ///< calls refused for the minute's limits, feedback's among them
  std::uint64_t over_budget = 0;   ///< calls refused for the day's budget
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
  double cost_usd = 0;  ///< as outcomes tell it, else as it was expected
  std::uint64_t feedback_stored = 0;

  KeyUsage& operator+=(const KeyUsage& other);
};

/// What a key has used of what it may use. A request takes one of the requests and reserves the
/// tokens that it is expected to need; each decision made for it is charged at its expected cost
/// and corrected once the outcome is known (KeyCharges). The query that crosses the day's budget is
/// still answered; the next is not. Thread-safe: one short lock a call. Time comes in.
class KeyAccount {
 public:
  explicit KeyAccount(const ApiKey& key);

  /// The key's limits have changed; what was used stays used.
  void set_limits(const ApiKey& key);

  /// Takes one request, unless the budget is spent or there is none left.
  std::optional<OverLimit> take_request(Timestamp now);

  /// Takes tokens, unless there are not as many. More than the whole limit needs all of it.
  std::optional<OverLimit> take_tokens(double tokens, Timestamp now);

  /// Takes the right to say so many values, or none of them.
  std::optional<OverLimit> take_feedback(std::size_t values, Timestamp now);

  /// Count for usage() alone.
  void count_feedback(std::uint64_t values);
  void count_outcome(std::uint64_t input_tokens, std::uint64_t output_tokens, double cost_usd);

  KeyUsage usage() const;

  /// Takes tokens without asking; negative ones are given back.
  void charge_tokens(double tokens);

  /// Counts money that was spent, or is expected to be, at `time`.
  void charge_usd(double usd, Timestamp time);

  KeyStanding standing(Timestamp now);

 private:
  void start_day(Timestamp now);
  std::optional<LimitStanding> standing_of(std::optional<TokenBucket>& bucket, Timestamp now) const;

  /// Counts that a call was refused.
  OverLimit refuse(OverLimit over);

  mutable std::mutex mutex_;
  std::optional<TokenBucket> requests_, tokens_, feedback_;
  KeyUsage usage_;
  double budget_usd_per_day_ = 0;
  std::int64_t day_ = 0;
  double spent_today_ = 0;
};

}  // namespace yardmaster::agent
