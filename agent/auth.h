#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace yardmaster::agent {

/// What a key may do. Bits, so that a key may have several.
enum Scope : std::uint8_t { kScopeRoute = 1, kScopeFeedback = 2, kScopeAdmin = 4 };

/// Who sent a request.
struct Caller {
  std::string name;  ///< the key's name; empty without keys
};

/// Checks bearer keys against their SHA-256 hashes, each comparison in constant time over all
/// keys, so that timing tells nothing about them. Immutable; any thread.
class Authenticator {
 public:
  struct Key {
    std::string name;
    std::array<std::uint8_t, 32> sha256;
    std::uint8_t scopes = 0;
  };

  /// No keys: everyone is let in with every scope (the daemon then listens on loopback only).
  explicit Authenticator(std::vector<Key> keys) : keys_(std::move(keys)) {}

  bool open() const { return keys_.empty(); }

  /// `authorization` is the header's value. The failed side is the HTTP answer's business:
  /// `status` 401 for a missing or unknown key, 403 for one without the scope.
  struct Refusal {
    unsigned status;
    std::string message;
  };
  tl::expected<Caller, Refusal> check(std::string_view authorization, Scope scope) const;

 private:
  std::vector<Key> keys_;
};

/// SHA-256 of `text`.
std::array<std::uint8_t, 32> sha256(std::string_view text);

/// Reads 64 hex digits.
Result<std::array<std::uint8_t, 32>> parse_sha256(std::string_view hex);

}  // namespace yardmaster::agent
