#include "agent/keys/keyring.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

namespace yardmaster::agent {
namespace {

/// The token of "Bearer TOKEN", empty for anything else. The scheme ignores case (RFC 9110).
std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size()) return {};
  for (std::size_t i = 0; i < kScheme.size(); ++i) {
    const char c = authorization[i];
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (lower != kScheme[i]) return {};
  }
  return authorization.substr(kScheme.size());
}

}  // namespace

tl::expected<Caller, AuthRefusal> KeySet::check(std::string_view authorization, Scope scope,
                                                Timestamp now) const {
  if (open_) return Caller{};
  const std::string_view token = bearer_token(authorization);
  const Sha256 hash = sha256(token);
  const std::shared_ptr<const ActiveKey>* match = nullptr;
  for (const auto& each : keys_) {
    const bool equal = CRYPTO_memcmp(each->key.sha256.data(), hash.data(), hash.size()) == 0;
    if (equal && (match == nullptr || !each->revoked)) match = &each;
  }
  if (token.empty() || match == nullptr) {
    return tl::unexpected(AuthRefusal{
        401, kWrongKey,
        "no valid API key; send one of this daemon's keys as 'Authorization: Bearer KEY'"});
  }
  const ApiKey& key = (*match)->key;
  if ((*match)->revoked) {
    return tl::unexpected(AuthRefusal{401, "api_key_revoked",
                                      "key '" + key.name + "' was revoked at " +
                                          format_rfc3339(*(*match)->revoked) +
                                          "; ask whoever runs this daemon for a new one"});
  }
  if (key.expires && now >= *key.expires) {
    return tl::unexpected(AuthRefusal{401, "api_key_expired",
                                      "key '" + key.name + "' expired at " +
                                          format_rfc3339(*key.expires) +
                                          "; ask whoever runs this daemon for a new one"});
  }
  if ((key.scopes & scope) == 0) {
    return tl::unexpected(AuthRefusal{403, "forbidden",
                                      "key '" + key.name + "' has no scope '" +
                                          std::string(scope_name(scope)) +
                                          "'; use one that has it, or add it to the key's scopes"});
  }
  return Caller{key.name, *match};
}

Keyring::Keyring(std::vector<ApiKey> configured, std::filesystem::path file)
    : file_(std::move(file)), configured_(std::move(configured)), set_(make_set()) {}

Status Keyring::load() {
  const std::lock_guard lock(mutex_);
  return load_locked();
}

Result<bool> Keyring::load_if_changed() {
  const std::lock_guard lock(mutex_);
  if (file_.stamp() == seen_) return false;
  if (Status loaded = load_locked(); !loaded) return fail(loaded.error());
  return true;
}

Status Keyring::load_locked() {
  // Before reading: what is written meanwhile is read at the next look.
  const auto stamp = file_.stamp();
  const bool gone = seen_ && !stamp;
  seen_ = stamp;
  if (gone && !made_.empty()) {
    return fail(ErrorCode::io, file_.path().string() +
                                   " is gone; its keys stay until the daemon is restarted. To take "
                                   "one out, revoke it");
  }
  auto made = file_.read();
  if (!made) return fail(made.error());
  made_ = std::move(*made);
  set_.publish(make_set());
  return {};
}

void Keyring::configure(std::vector<ApiKey> configured) {
  const std::lock_guard lock(mutex_);
  configured_ = std::move(configured);
  set_.publish(make_set());
}

Result<std::string> Keyring::add(ApiKey key, Timestamp now) {
  const std::lock_guard lock(mutex_);
  if (is_configured(key.name)) {
    return fail(ErrorCode::conflict,
                "there is a key '" + key.name + "' in the config; take another name");
  }
  auto secret = file_.add(std::move(key), now);
  if (!secret) return secret;
  if (Status loaded = load_locked(); !loaded) return fail(loaded.error());
  return secret;
}

Status Keyring::revoke(std::string_view name, Timestamp now) {
  const std::lock_guard lock(mutex_);
  if (is_configured(name)) {
    return fail(ErrorCode::conflict,
                "key '" + std::string(name) + "' is in the config; take it out there and restart");
  }
  if (Status revoked = file_.revoke(name, now); !revoked) return revoked;
  return load_locked();
}

std::vector<KeyListing> Keyring::list(Timestamp now) const {
  const std::lock_guard lock(mutex_);
  std::vector<KeyListing> all;
  const auto standing = [&](const ApiKey& key) { return accounts_.at(key.name)->standing(now); };
  for (const ApiKey& key : configured_) {
    all.push_back({key, std::nullopt, std::nullopt, standing(key)});
  }
  for (const MadeKey& made : made_) {
    all.push_back({made.key, made.created, made.revoked, standing(made.key)});
  }
  return all;
}

bool Keyring::is_configured(std::string_view name) const {
  for (const ApiKey& key : configured_) {
    if (key.name == name) return true;
  }
  return false;
}

/// Accounts are by name, as the decision log is: a key that replaces a revoked one of its name goes
/// on with what that one has spent.
std::shared_ptr<KeyAccount> Keyring::account_of(const ApiKey& key, bool revoked) {
  auto& account = accounts_[key.name];
  if (account == nullptr) {
    account = std::make_shared<KeyAccount>(key);
  } else if (!revoked) {
    account->set_limits(key);
  }
  return account;
}

std::shared_ptr<const KeySet> Keyring::make_set() {
  std::vector<std::shared_ptr<const ActiveKey>> active;
  for (const ApiKey& key : configured_) {
    active.push_back(
        std::make_shared<ActiveKey>(ActiveKey{key, std::nullopt, account_of(key, false)}));
  }
  for (const MadeKey& made : made_) {
    active.push_back(std::make_shared<ActiveKey>(
        ActiveKey{made.key, made.revoked, account_of(made.key, made.revoked.has_value())}));
  }
  closed_ = closed_ || !active.empty();
  return std::make_shared<KeySet>(std::move(active), !closed_);
}

std::shared_ptr<KeyAccount> Keyring::account(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(name);
  return found == accounts_.end() ? nullptr : found->second;
}

bool Keyring::open() const {
  const std::lock_guard lock(mutex_);
  return !closed_;
}

std::map<std::string, KeyUsage> Keyring::usage_by_key() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, KeyUsage> usage;
  for (const auto& [name, account] : accounts_) usage[name] = account->usage();
  return usage;
}

bool Keyring::has_budgets() const {
  const std::lock_guard lock(mutex_);
  const auto has_budget = [](const ApiKey& key) { return key.budget_usd_per_day > 0; };
  const auto is_made_with = [](const MadeKey& made) { return made.key.budget_usd_per_day > 0; };
  return std::any_of(configured_.begin(), configured_.end(), has_budget) ||
         std::any_of(made_.begin(), made_.end(), is_made_with);
}

}  // namespace yardmaster::agent
