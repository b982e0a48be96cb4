#include "agent/keys/keyring.h"

#include <openssl/crypto.h>

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
        401, "invalid_api_key",
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

Keyring::Keyring(std::vector<ApiKey> configured)
    : configured_(std::move(configured)), set_(make_set()) {}

std::shared_ptr<const KeySet> Keyring::make_set() {
  std::vector<std::shared_ptr<const ActiveKey>> active;
  for (const ApiKey& key : configured_) {
    auto& account = accounts_[key.name];
    if (account == nullptr) account = std::make_shared<KeyAccount>(key);
    active.push_back(std::make_shared<ActiveKey>(ActiveKey{key, std::nullopt, account}));
  }
  const bool open = active.empty();
  return std::make_shared<KeySet>(std::move(active), open);
}

std::shared_ptr<KeyAccount> Keyring::account(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(name);
  return found == accounts_.end() ? nullptr : found->second;
}

bool Keyring::has_budgets() const {
  for (const ApiKey& key : configured_) {
    if (key.budget_usd_per_day > 0) return true;
  }
  return false;
}

}  // namespace yardmaster::agent
