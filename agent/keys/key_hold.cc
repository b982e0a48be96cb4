#include "agent/keys/key_hold.h"

#include <utility>

namespace yardmaster::agent {

KeyHold::KeyHold(std::shared_ptr<const ActiveKey> key, double tokens)
    : key_(std::move(key)), tokens_(tokens), held_(key_ != nullptr) {}

KeyHold::KeyHold(KeyHold&& other) noexcept
    : key_(std::move(other.key_)),
      tokens_(other.tokens_),
      held_(std::exchange(other.held_, false)) {}

KeyHold& KeyHold::operator=(KeyHold&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  key_ = std::move(other.key_);
  tokens_ = other.tokens_;
  held_ = std::exchange(other.held_, false);
  return *this;
}

std::optional<KeyStanding> KeyHold::standing(Timestamp now) const {
  if (key_ == nullptr) return std::nullopt;
  return key_->account->standing(now);
}

void KeyHold::charge(const Decision& decision, KeyCharges& charges) {
  if (key_ == nullptr) return;
  if (!std::exchange(held_, false)) key_->account->charge_tokens(tokens_);
  charges.open(decision.id, key_->account, tokens_, decision.estimated_cost_usd, decision.time);
}

void KeyHold::give_back() {
  if (std::exchange(held_, false)) key_->account->charge_tokens(-tokens_);
}

}  // namespace yardmaster::agent
