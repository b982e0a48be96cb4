#include "agent/keys/api_key.h"

#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <span>

namespace yardmaster::agent {
namespace {

constexpr std::size_t kSecretBytes = 24;

std::string hex(std::span<const std::uint8_t> bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15u];
  }
  return out;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string_view scope_name(Scope scope) {
  return kScopeNames[static_cast<std::size_t>(std::countr_zero(static_cast<unsigned>(scope)))];
}

bool ApiKey::may_use(std::string_view model) const {
  return (models.empty() || contains(models, model)) && !contains(deny_models, model);
}

std::string_view state_of(const ApiKey& key, const std::optional<Timestamp>& revoked,
                          Timestamp now) {
  if (revoked) return "revoked";
  return key.expires && now >= *key.expires ? "expired" : "active";
}

Sha256 sha256(std::string_view text) {
  Sha256 out;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data());
  return out;
}

Result<Sha256> parse_sha256(std::string_view hex) {
  Sha256 out{};
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

std::string to_hex(const Sha256& hash) { return hex(hash); }

Result<std::string> make_secret() {
  std::array<std::uint8_t, kSecretBytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return fail(ErrorCode::unavailable, "the system has no random numbers; try again");
  }
  return "ym-" + hex(bytes);
}

}  // namespace yardmaster::agent
