#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "agent/keys/key_account.h"
#include "base/decision.h"
#include "base/decision_id.h"
#include "base/time.h"

namespace yardmaster::agent {

/// The decisions that were charged to keys at what they were expected to need, until their outcomes
/// tell. The oldest are let go beyond a bound: then the estimate stays. Any thread.
class KeyCharges {
 public:
  static constexpr std::size_t kMostOpen = 65'536;

  /// A decision made for a key. `tokens` were taken of the account already; the money is charged
  /// here.
  void open(const DecisionId& id, std::shared_ptr<KeyAccount> account, double tokens, double usd,
            Timestamp time);

  /// What a decision really needed, where it is known: `tokens` and `usd` for the limits, and the
  /// outcome that tells them. Unknown ids and second calls do nothing.
  void settle(const DecisionId& id, std::optional<double> tokens, std::optional<double> usd,
              const Outcome& outcome);

 private:
  struct Charge {
    std::shared_ptr<KeyAccount> account;
    double tokens;
    double usd;
    Timestamp time;
  };

  std::atomic<std::size_t> count_{0};  ///< so that nothing is locked without keys
  std::mutex mutex_;
  std::unordered_map<DecisionId, Charge, DecisionIdHash> charges_;
  std::deque<DecisionId> order_;  ///< oldest first; may hold ids that are settled
};

}  // namespace yardmaster::agent
