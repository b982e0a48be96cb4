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
#include "agent/keys/key_file.h"
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

struct AccessEntry;

/// Who sent a request.
struct Caller {
  std::string name;                          ///< the key's name; empty without keys
  std::shared_ptr<const ActiveKey> key;      ///< nullptr without keys
  std::shared_ptr<AccessEntry> access = {};  ///< of the request; nullptr without an access log
};

/// Why a request is not let in: what the HTTP answer says.
struct AuthRefusal {
  unsigned status;  ///< 401 no valid key, 403 without the scope
  std::string_view code;
  std::string message;
};

/// AuthRefusal::code of a key that there is not.
inline constexpr std::string_view kWrongKey = "invalid_api_key";

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

/// A key and how it stands, for people.
struct KeyListing {
  ApiKey key;
  std::optional<Timestamp> created;  ///< nothing: it is in the config
  std::optional<Timestamp> revoked;
  KeyStanding standing;
};

/// "config" or "made".
inline std::string_view source_of(const KeyListing& listing) {
  return listing.created ? "made" : "config";
}

/// All keys of a daemon, of the config and made at run time: who may do what, and what each has
/// used. io threads read the current set through `set()`; the rest takes a lock, from any thread.
/// Once there was a key, nobody is let in without one until the next start, also where all were
/// revoked.
class Keyring {
 public:
  /// `file` may be missing; load() reads it.
  Keyring(std::vector<ApiKey> configured, std::filesystem::path file);

  /// Takes in the keys made at run time. On failure, which is KeyFile::read()'s, the keys of before
  /// stay.
  Status load();

  /// load() if the file is not the one that was read last, or tried; true where it was read.
  Result<bool> load_if_changed();

  /// The config was read anew: its keys replace those of before. What they have used stays.
  void configure(std::vector<ApiKey> configured);

  /// Makes a key under a new secret, which is returned and kept nowhere. Fails with conflict where
  /// a key of the config or of the file has the name, and as load().
  Result<std::string> add(ApiKey key, Timestamp now);

  /// Fails with not_found, with conflict for a key of the config, and as load().
  Status revoke(std::string_view name, Timestamp now);

  /// The config's keys first; those made at run time in their order.
  std::vector<KeyListing> list(Timestamp now) const;

  const Published<std::shared_ptr<const KeySet>>& set() const { return set_; }

  /// Whether everyone is let in.
  bool open() const;

  /// The account of the key of that name; nullptr if there was none.
  std::shared_ptr<KeyAccount> account(std::string_view name) const;

  /// What came of the calls of every key that there was since the start, by its name.
  std::map<std::string, KeyUsage> usage_by_key() const;

  /// Whether any key has a budget that spending must be known for.
  bool has_budgets() const;

 private:
  Status load_locked();
  std::shared_ptr<const KeySet> make_set();
  std::shared_ptr<KeyAccount> account_of(const ApiKey& key, bool revoked);
  bool is_configured(std::string_view name) const;

  const KeyFile file_;
  mutable std::mutex mutex_;
  std::vector<ApiKey> configured_;
  std::vector<MadeKey> made_;           ///< what the file held
  std::optional<KeyFile::Stamp> seen_;  ///< of the file read last, or tried
  bool closed_ = false;                 ///< there was a key
  std::map<std::string, std::shared_ptr<KeyAccount>, std::less<>> accounts_;  ///< by key's name
  Published<std::shared_ptr<const KeySet>> set_;
};

}  // namespace yardmaster::agent
