#include "agent/api/json_fields.h"

#include <boost/json/parse.hpp>
#include <cmath>

#include "env/query_text.h"

namespace yardmaster::agent {

namespace json = boost::json;

const json::value* JsonFields::find(std::string_view name) {
  const json::value* value = object_.if_contains(name);
  if (value == nullptr) return nullptr;
  ++asked_;
  return value->is_null() ? nullptr : value;
}

void JsonFields::wrong_type(std::string_view name, std::string_view expected) {
  if (!status_) return;
  status_ = fail(ErrorCode::invalid_argument,
                 "'" + std::string(name) + "' must be " + std::string(expected));
}

std::string JsonFields::text(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return {};
  if (!value->is_string()) {
    wrong_type(name, "a string");
    return {};
  }
  return std::string(value->get_string());
}

std::optional<double> JsonFields::number(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    wrong_type(name, "a number");
    return std::nullopt;
  }
  const auto read = value->to_number<double>();
  // Boost.JSON 1.81 takes 0e316, which is zero, for zero times infinity.
  return std::isnan(read) ? 0 : read;
}

std::optional<double> JsonFields::number_or_bool(std::string_view name) {
  const json::value* value = object_.if_contains(name);
  if (value != nullptr && value->is_bool()) {
    ++asked_;
    return value->get_bool() ? 1.0 : 0.0;
  }
  if (value != nullptr && !value->is_null() && !value->is_number()) {
    ++asked_;
    wrong_type(name, "a number, true or false");
    return std::nullopt;
  }
  return number(name);
}

std::optional<std::uint64_t> JsonFields::count(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_uint64()) return value->get_uint64();
  if (value->is_int64() && value->get_int64() >= 0) {
    return static_cast<std::uint64_t>(value->get_int64());
  }
  wrong_type(name, "an integer of 0 or more");
  return std::nullopt;
}

std::optional<std::vector<std::string>> JsonFields::texts(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  std::vector<std::string> texts;
  bool good = value->is_array();
  if (good) {
    for (const json::value& each : value->get_array()) {
      good = good && each.is_string();
      if (good) texts.emplace_back(each.get_string());
    }
  }
  if (good) return texts;
  wrong_type(name, "an array of strings");
  return std::nullopt;
}

Result<DecisionId> parse_known_id(std::string_view text) {
  auto id = DecisionId::parse(text);
  if (!id) id.error().code = ErrorCode::not_found;
  return id;
}

Result<json::object> parse_object(std::string_view body) {
  boost::system::error_code error;
  json::value value = json::parse(body, error);
  if (error && !env::is_utf8(body)) {
    return fail(ErrorCode::invalid_argument, "the body is not valid UTF-8; send JSON in UTF-8");
  }
  if (error) {
    return fail(ErrorCode::invalid_argument,
                "the body is not valid JSON (" + error.message() + "); send one JSON object");
  }
  if (!value.is_object()) {
    return fail(ErrorCode::invalid_argument, "the body is not a JSON object; send {...}");
  }
  return std::move(value.get_object());
}

}  // namespace yardmaster::agent
