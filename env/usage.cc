#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "env/upstream.h"

namespace yardmaster::env {

namespace json = boost::json;

namespace {

/// Answers nest deeper than Boost.JSON's default of 32 when a tool call's arguments do.
constexpr std::size_t kMaxDepth = 512;

std::optional<std::uint64_t> count_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr) return {};
  boost::system::error_code inexact;
  const auto count = value->to_number<std::uint64_t>(inexact);
  if (inexact) return {};
  return count;
}

}  // namespace

Usage read_usage(std::string_view answer_body) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code malformed;
  const json::value answer = json::parse(answer_body, malformed, {}, options);
  Usage usage;
  if (malformed || !answer.is_object()) return usage;
  const json::object& fields = answer.get_object();
  if (const json::value* id = fields.if_contains("id"); id != nullptr && id->is_string()) {
    usage.response_id = std::string_view(id->get_string());
  }
  if (const json::value* counts = fields.if_contains("usage");
      counts != nullptr && counts->is_object()) {
    usage.input_tokens = count_at(counts->get_object(), "prompt_tokens");
    usage.output_tokens = count_at(counts->get_object(), "completion_tokens");
  }
  return usage;
}

}  // namespace yardmaster::env
