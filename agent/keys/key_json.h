#pragma once

#include <boost/json/object.hpp>
#include <cstddef>

#include "agent/keys/keyring.h"
#include "base/result.h"

namespace yardmaster::agent {

/// What a key may do, as JSON: all of it but the hash. Limits that it does not have are left out.
boost::json::object json_of(const ApiKey& key);

/// With where it is from and its state, as keys are listed.
boost::json::object json_of(const KeyListing& listing, Timestamp now);

/// Reads what json_of() makes of a key. Scopes left out are route and feedback. `unknown` counts
/// the fields that say something else. Fails with invalid_argument: a wrong type, a name that is
/// empty or holds more than 64 letters, digits, '-', '_', '.' and '@', an unknown scope, a time
/// that is none.
Result<ApiKey> key_from_json(const boost::json::object& object, std::size_t& unknown);

/// A name that stands in a path as it is.
Status check_key_name(std::string_view name);

/// The scopes of those names as bits. Fails with invalid_argument on none and on unknown ones.
Result<std::uint8_t> parse_scopes(const std::vector<std::string>& names);

}  // namespace yardmaster::agent
