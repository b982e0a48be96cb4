#include "agent/keys/key_charges.h"

#include <utility>

namespace yardmaster::agent {

void KeyCharges::open(const DecisionId& id, std::shared_ptr<KeyAccount> account, double tokens,
                      double usd, Timestamp time) {
  account->charge_usd(usd, time);
  const std::lock_guard lock(mutex_);
  charges_.insert_or_assign(id, Charge{std::move(account), tokens, usd, time});
  order_.push_back(id);
  while (charges_.size() > kMostOpen) {
    charges_.erase(order_.front());
    order_.pop_front();
  }
  if (order_.size() > 2 * kMostOpen) {
    std::erase_if(order_, [this](const DecisionId& each) { return !charges_.contains(each); });
  }
  count_.store(charges_.size(), std::memory_order_relaxed);
}

void KeyCharges::settle(const DecisionId& id, std::optional<double> tokens,
                        std::optional<double> usd, const Outcome& outcome) {
  if (count_.load(std::memory_order_relaxed) == 0) return;
  std::optional<Charge> charge;
  {
    const std::lock_guard lock(mutex_);
    const auto found = charges_.find(id);
    if (found == charges_.end()) return;
    charge = std::move(found->second);
    charges_.erase(found);
    count_.store(charges_.size(), std::memory_order_relaxed);
  }
  if (tokens) charge->account->charge_tokens(*tokens - charge->tokens);
  if (usd) charge->account->charge_usd(*usd - charge->usd, charge->time);
  charge->account->count_outcome(outcome.input_tokens.value_or(0),
                                 outcome.output_tokens.value_or(0), usd.value_or(charge->usd));
}

}  // namespace yardmaster::agent
