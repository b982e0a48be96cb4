#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string_view>

/// Reading JSON that may hold anything: what is absent, null or of another type is not there.
namespace yardmaster::env {

/// nullptr where it is absent or null.
inline const boost::json::value* member(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr && !value->is_null() ? value : nullptr;
}

/// Empty where it is no string.
inline std::string_view text_in(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string())
                                                : std::string_view();
}

/// A whole number of 0 or more; nothing where it is none.
inline std::optional<std::uint64_t> count_in(const boost::json::object& object,
                                             std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  if (value == nullptr) return std::nullopt;
  boost::system::error_code inexact;
  const auto count = value->to_number<std::uint64_t>(inexact);
  if (inexact) return std::nullopt;
  return count;
}

/// Sets `count` where there is such a number, and else leaves it.
inline void read_count(const boost::json::object& object, std::string_view name,
                       std::optional<std::uint64_t>& count) {
  if (const auto found = count_in(object, name)) count = found;
}

inline const boost::json::object* object_in(const boost::json::object& object,
                                            std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr ? value->if_object() : nullptr;
}

/// An empty one where it is no array.
inline const boost::json::array& list_in(const boost::json::object& object, std::string_view name) {
  static const boost::json::array kEmpty;
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr && value->is_array() ? value->get_array() : kEmpty;
}

inline bool is_true(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

}  // namespace yardmaster::env
