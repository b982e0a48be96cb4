#include "agent/keys/key_json.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <cmath>
#include <limits>

#include "agent/api/json_fields.h"

namespace yardmaster::agent {

namespace json = boost::json;

namespace {

constexpr std::size_t kMaxNameBytes = 64;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '@';
}

json::array array_of(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

Result<std::optional<Timestamp>> parse_expiry(const std::string& text) {
  if (text.empty()) return std::optional<Timestamp>();
  const auto time = parse_rfc3339(text);
  if (!time) {
    return fail(ErrorCode::invalid_argument,
                "'expires' is no time; write one like 2027-01-31T12:00:00Z");
  }
  return std::optional<Timestamp>(*time);
}

}  // namespace

json::object json_of(const ApiKey& key) {
  json::array scopes;
  for (std::size_t i = 0; i < kScopeNames.size(); ++i) {
    if ((key.scopes >> i & 1u) != 0) scopes.emplace_back(kScopeNames[i]);
  }
  json::object object{{"name", key.name}, {"scopes", std::move(scopes)}};
  if (!key.models.empty()) object["models"] = array_of(key.models);
  if (!key.deny_models.empty()) object["deny_models"] = array_of(key.deny_models);
  if (!key.require_tags.empty()) object["require_tags"] = array_of(key.require_tags);
  if (!key.exclude_tags.empty()) object["exclude_tags"] = array_of(key.exclude_tags);
  if (key.expires) object["expires"] = format_rfc3339(*key.expires);
  if (key.requests_per_minute > 0) object["requests_per_minute"] = key.requests_per_minute;
  if (key.tokens_per_minute > 0) object["tokens_per_minute"] = key.tokens_per_minute;
  if (key.feedback_per_minute > 0) object["feedback_per_minute"] = key.feedback_per_minute;
  if (key.budget_usd_per_day > 0) object["budget_usd_per_day"] = key.budget_usd_per_day;
  return object;
}

json::object json_of(const KeyListing& listing, Timestamp now) {
  json::object object = json_of(listing.key);
  object["source"] = source_of(listing);
  object["state"] = state_of(listing.key, listing.revoked, now);
  if (listing.created) object["created"] = format_rfc3339(*listing.created);
  if (listing.revoked) object["revoked"] = format_rfc3339(*listing.revoked);
  return object;
}

Result<ApiKey> key_from_json(const json::object& object, std::size_t& unknown) {
  JsonFields fields(object);
  ApiKey key;
  key.name = fields.text("name");
  auto scopes = fields.texts("scopes");
  key.models = fields.texts("models").value_or(std::vector<std::string>());
  key.deny_models = fields.texts("deny_models").value_or(std::vector<std::string>());
  key.require_tags = fields.texts("require_tags").value_or(std::vector<std::string>());
  key.exclude_tags = fields.texts("exclude_tags").value_or(std::vector<std::string>());
  const std::string expires = fields.text("expires");
  const std::uint64_t requests = fields.count("requests_per_minute").value_or(0);
  key.tokens_per_minute = fields.count("tokens_per_minute").value_or(0);
  const std::uint64_t values = fields.count("feedback_per_minute").value_or(0);
  key.budget_usd_per_day = fields.number("budget_usd_per_day").value_or(0);
  unknown = fields.unknown();
  if (!fields.status()) return fail(fields.status().error());
  if (Status named = check_key_name(key.name); !named) return fail(named.error());
  const auto bits = parse_scopes(scopes.value_or(std::vector<std::string>{"route", "feedback"}));
  if (!bits) return fail(bits.error());
  key.scopes = *bits;
  auto expiry = parse_expiry(expires);
  if (!expiry) return fail(expiry.error());
  key.expires = *expiry;
  if (requests > std::numeric_limits<std::uint32_t>::max()) {
    return fail(ErrorCode::invalid_argument, "'requests_per_minute' is too large; leave it out");
  }
  key.requests_per_minute = static_cast<std::uint32_t>(requests);
  if (values > std::numeric_limits<std::uint32_t>::max()) {
    return fail(ErrorCode::invalid_argument, "'feedback_per_minute' is too large; leave it out");
  }
  key.feedback_per_minute = static_cast<std::uint32_t>(values);
  if (!std::isfinite(key.budget_usd_per_day) || key.budget_usd_per_day < 0) {
    return fail(ErrorCode::invalid_argument, "'budget_usd_per_day' must be 0 or more");
  }
  return key;
}

Status check_key_name(std::string_view name) {
  if (!name.empty() && name.size() <= kMaxNameBytes &&
      std::all_of(name.begin(), name.end(), is_name_character)) {
    return {};
  }
  return fail(
      ErrorCode::invalid_argument,
      "a key's name has 1 to 64 letters, digits, '-', '_', '.' and '@'; send such a 'name'");
}

Result<std::uint8_t> parse_scopes(const std::vector<std::string>& names) {
  std::uint8_t bits = 0;
  for (const std::string& name : names) {
    const auto found = std::find(kScopeNames.begin(), kScopeNames.end(), name);
    if (found == kScopeNames.end()) {
      return fail(ErrorCode::invalid_argument,
                  "there is no scope '" + name + "'; use some of route, feedback, admin");
    }
    bits |= static_cast<std::uint8_t>(1u << (found - kScopeNames.begin()));
  }
  if (bits != 0) return bits;
  return fail(ErrorCode::invalid_argument,
              "a key needs a scope; use some of route, feedback, admin");
}

}  // namespace yardmaster::agent
