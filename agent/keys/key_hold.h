#pragma once

#include <memory>
#include <optional>

#include "agent/keys/key_charges.h"
#include "agent/keys/keyring.h"
#include "base/decision.h"

namespace yardmaster::agent {

/// The key that a request was let in by, and the tokens taken of its account for it: they are given
/// back with this where no decision came of the request. One thread.
class KeyHold {
 public:
  KeyHold() = default;  ///< without keys

  /// `tokens` were taken of the key's account.
  KeyHold(std::shared_ptr<const ActiveKey> key, double tokens);
  KeyHold(KeyHold&& other) noexcept;
  KeyHold& operator=(KeyHold&& other) noexcept;
  ~KeyHold() { give_back(); }

  /// nullptr: without keys.
  const ApiKey* key() const { return key_ == nullptr ? nullptr : &key_->key; }

  /// How far the key is from its limits now; nothing without keys.
  std::optional<KeyStanding> standing(Timestamp now) const;

  /// Charges the key with a decision made for the request. The first takes over what was taken;
  /// one that stands in for a failed one, or beside a slow one, is charged anew.
  void charge(const Decision& decision, KeyCharges& charges);

 private:
  void give_back();

  std::shared_ptr<const ActiveKey> key_;
  double tokens_ = 0;
  bool held_ = false;
};

}  // namespace yardmaster::agent
