#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace yardmaster::agent {

/// What a key may do. Bits, so that a key may have several.
enum Scope : std::uint8_t { kScopeRoute = 1, kScopeFeedback = 2, kScopeAdmin = 4 };

/// Bit i stands for entry i.
inline constexpr std::array<std::string_view, 3> kScopeNames{"route", "feedback", "admin"};
std::string_view scope_name(Scope scope);

using Sha256 = std::array<std::uint8_t, 32>;

/// An API key as the daemon knows it: what it may do and how much, and of the secret only the hash.
struct ApiKey {
  std::string name;
  Sha256 sha256{};
  std::uint8_t scopes = 0;
  std::vector<std::string> models;        ///< that it may use; empty: all
  std::vector<std::string> deny_models;   ///< that it may not use
  std::vector<std::string> require_tags;  ///< of models that it may use, all of them
  std::vector<std::string> exclude_tags;  ///< of models that it may not use
  std::optional<Timestamp> expires;
  std::uint32_t requests_per_minute = 0;  ///< 0: no limit, as below
  std::uint64_t tokens_per_minute = 0;    ///< input and output together
  std::uint32_t feedback_per_minute = 0;  ///< values; bounds what it may move a policy by
  double budget_usd_per_day = 0;          ///< UTC days

  bool may_use(std::string_view model) const;
  bool limits_rate() const { return requests_per_minute > 0 || tokens_per_minute > 0; }

  friend bool operator==(const ApiKey&, const ApiKey&) = default;
};

/// "active", "expired" or "revoked".
std::string_view state_of(const ApiKey& key, const std::optional<Timestamp>& revoked,
                          Timestamp now);

/// SHA-256 of `text`.
Sha256 sha256(std::string_view text);

/// Reads 64 hex digits.
Result<Sha256> parse_sha256(std::string_view hex);

/// 64 hex digits.
std::string to_hex(const Sha256& hash);

/// A new key's secret, by OpenSSL's random numbers: "ym-" and 48 hex digits.
Result<std::string> make_secret();

}  // namespace yardmaster::agent
