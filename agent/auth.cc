#include "agent/auth.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <charconv>

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

std::string_view scope_name(Scope scope) {
  switch (scope) {
    case kScopeRoute:
      return "route";
    case kScopeFeedback:
      return "feedback";
    case kScopeAdmin:
      return "admin";
  }
  return "unknown";
}

}  // namespace

tl::expected<Caller, Authenticator::Refusal> Authenticator::check(std::string_view authorization,
                                                                  Scope scope) const {
  if (open()) return Caller{};
  const std::string_view token = bearer_token(authorization);
  const std::array<std::uint8_t, 32> hash = sha256(token);
  const Key* match = nullptr;
  for (const Key& key : keys_) {
    if (CRYPTO_memcmp(key.sha256.data(), hash.data(), hash.size()) == 0) match = &key;
  }
  if (token.empty() || match == nullptr) {
    return tl::unexpected(Refusal{
        401,
        "no valid API key; send one of the keys in the config as 'Authorization: Bearer KEY'"});
  }
  if ((match->scopes & scope) == 0) {
    return tl::unexpected(Refusal{403, "key '" + match->name + "' has no scope '" +
                                           std::string(scope_name(scope)) +
                                           "'; add it to the key's scopes in the config"});
  }
  return Caller{match->name};
}

std::array<std::uint8_t, 32> sha256(std::string_view text) {
  std::array<std::uint8_t, 32> out;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data());
  return out;
}

Result<std::array<std::uint8_t, 32>> parse_sha256(std::string_view hex) {
  std::array<std::uint8_t, 32> out{};
  bool good = hex.size() == 64;
  for (std::size_t i = 0; good && i < out.size(); ++i) {
    const char* digits = hex.data() + 2 * i;
    const auto [end, error] = std::from_chars(digits, digits + 2, out[i], 16);
    good = error == std::errc{} && end == digits + 2;
  }
  if (!good) {
    return fail(ErrorCode::invalid_argument,
                "a key's sha256 is not 64 hex digits; make it with: printf %s KEY | sha256sum");
  }
  return out;
}

}  // namespace yardmaster::agent
