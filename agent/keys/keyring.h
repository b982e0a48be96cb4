#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/keys/api_key.h"
#include "agent/keys/key_account.h"
#include "agent/published.h"
#include "base/result.h"
#include "base/time.h"

namespace yardmaster::agent {

/// A key that requests are checked against.
struct ActiveKey {
  ApiKey key;
  std::optional<Timestamp> revoked;
  std::shared_ptr<KeyAccount> account;
};

/// Who sent a request.
struct Caller {
  std::string name;                      ///< the key's name; empty without keys
  std::shared_ptr<const ActiveKey> key;  ///< nullptr without keys
};

/// Why a request is not let in: what the HTTP answer says.
struct AuthRefusal {
  unsigned status;  ///< 401 no valid key, 403 without the scope
  std::string_view code;
  std::string message;
};

/// The keys of one moment. Immutable; any thread.
class KeySet {
 public:
  KeySet(std::vector<std::shared_ptr<const ActiveKey>> keys, bool open)
      : keys_(std::move(keys)), open_(open) {}

  /// Everyone is let in with every scope (the daemon then listens on loopback only).
  bool open() const { return open_; }

  /// `authorization` is the header's value. The token's SHA-256 is compared with every key's, each
  /// in constant time, so that timing tells nothing about them.
  tl::expected<Caller, AuthRefusal> check(std::string_view authorization, Scope scope,
                                          Timestamp now) const;

 private:
  std::vector<std::shared_ptr<const ActiveKey>> keys_;
  bool open_;
};

/// All keys of a daemon: who may do what, and what each has used. io threads read the current set
/// through `set()`; the rest takes a lock, from any thread.
class Keyring {
 public:
  explicit Keyring(std::vector<ApiKey> configured);

  const Published<std::shared_ptr<const KeySet>>& set() const { return set_; }

  /// The account of the key of that name; nullptr if there was none.
  std::shared_ptr<KeyAccount> account(std::string_view name) const;

  /// Whether any key has a budget that spending must be known for.
  bool has_budgets() const;

 private:
  std::shared_ptr<const KeySet> make_set();

  const std::vector<ApiKey> configured_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<KeyAccount>, std::less<>> accounts_;  ///< by key's name
  Published<std::shared_ptr<const KeySet>> set_;
};

}  // namespace yardmaster::agent
