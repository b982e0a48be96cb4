#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/decision_id.h"
#include "base/result.h"

namespace yardmaster::agent {

/// Reads the fields of one of our own request bodies. The first field of a wrong type is kept as
/// the error, so a handler reads all it wants and checks once. Null is absent.
class JsonFields {
 public:
  explicit JsonFields(const boost::json::object& object) : object_(object) {}

  std::string text(std::string_view name);                      ///< empty if absent
  std::optional<double> number(std::string_view name);          ///< any JSON number
  std::optional<double> number_or_bool(std::string_view name);  ///< true is 1, false is 0
  std::optional<std::uint64_t> count(std::string_view name);    ///< an integer of 0 or more
  std::optional<std::vector<std::string>> texts(std::string_view name);  ///< an array of strings

  /// Fields of the object that were not asked for.
  std::size_t unknown() const { return object_.size() - asked_; }

  /// The first error, or success.
  const Status& status() const { return status_; }

 private:
  const boost::json::value* find(std::string_view name);
  void wrong_type(std::string_view name, std::string_view expected);

  const boost::json::object& object_;
  std::size_t asked_ = 0;
  Status status_;
};

/// Reads a decision id that a client sends. Text that is no id names no decision: not_found.
Result<DecisionId> parse_known_id(std::string_view text);

/// Parses a body that must be one JSON object. Fails with invalid_argument: malformed JSON,
/// invalid UTF-8, or another type.
Result<boost::json::object> parse_object(std::string_view body);

}  // namespace yardmaster::agent
