#include "agent/logs/litellm.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <initializer_list>

namespace yardmaster::agent {

namespace json = boost::json;

namespace {

tl::unexpected<Error> refuse(std::string why) {
  return fail(ErrorCode::invalid_argument, std::move(why));
}

const json::value* present(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

/// The first of the names that is there, as a number in [0, high].
Result<std::optional<double>> read_number(const json::object& object, double high,
                                          std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const json::value* value = present(object, name);
    if (value == nullptr) continue;
    if (!value->is_number()) return refuse(std::string(name) + " is not a number");
    const auto number = value->to_number<double>();
    if (!(number >= 0 && number <= high)) {
      return refuse(std::string(name) + " is out of range");
    }
    return std::optional<double>(number);
  }
  return std::optional<double>();
}

/// A time as LiteLLM writes it: seconds since 1970, or text of RFC 3339 with or without a zone.
std::optional<Timestamp> read_time(const json::object& object, std::string_view name) {
  const json::value* value = present(object, name);
  if (value == nullptr) return std::nullopt;
  constexpr double kLatest = 1e11;
  if (value->is_number()) {
    const auto seconds = value->to_number<double>();
    if (!(seconds >= 0 && seconds <= kLatest)) return std::nullopt;
    return Timestamp(std::chrono::microseconds(std::llround(seconds * 1e6)));
  }
  if (!value->is_string()) return std::nullopt;
  std::string text(value->get_string());
  std::replace(text.begin(), text.end(), ' ', 'T');
  auto time = parse_rfc3339(text);
  if (!time) time = parse_rfc3339(text + "Z");
  return time ? std::optional<Timestamp>(*time) : std::nullopt;
}

/// From start to end; LiteLLM's response_time is that to the first token when it streams, so it
/// comes second.
Result<std::optional<double>> read_latency(const json::object& object) {
  const auto start = read_time(object, "startTime");
  const auto end = read_time(object, "endTime");
  if (start && end && *end >= *start) {
    return std::optional<double>(std::chrono::duration<double>(*end - *start).count());
  }
  return read_number(object, 1e6, {"latency_s", "response_time"});
}

std::optional<env::Query> query_of_messages(const json::value& messages) {
  if (messages.is_string()) {  // spend logs hold JSON within JSON
    json::error_code error;
    const json::value inner = json::parse(messages.get_string(), error);
    if (error) return env::query_from_text(std::string_view(messages.get_string()));
    return inner.is_array() ? query_of_messages(inner) : std::nullopt;
  }
  if (!messages.is_array() || messages.get_array().empty()) return std::nullopt;
  auto query = env::parse_query(R"({"messages":)" + json::serialize(messages) + "}");
  return query ? std::optional<env::Query>(std::move(*query)) : std::nullopt;
}

std::optional<env::Query> read_text(const json::object& object) {
  if (const json::value* messages = present(object, "messages")) {
    if (auto query = query_of_messages(*messages)) return query;
  }
  for (const std::string_view name : {"prompt", "query", "request_type"}) {
    const json::value* value = present(object, name);
    if (value == nullptr || !value->is_string() || value->get_string().empty()) continue;
    std::string text(value->get_string());
    if (name == "request_type") std::replace(text.begin(), text.end(), '_', ' ');
    return env::query_from_text(text);
  }
  return std::nullopt;
}

Status read_text_field(const json::object& object, std::string_view name, std::string& out) {
  const json::value* value = present(object, name);
  if (value == nullptr) return {};
  if (!value->is_string()) return refuse(std::string(name) + " is not text");
  out = value->get_string();
  return {};
}

Status read_tokens(const json::object& object, LiteLlmCall& call) {
  const json::value* usage = present(object, "usage");
  const json::object& where = usage && usage->is_object() ? usage->get_object() : object;
  constexpr double kMostTokens = 1e9;
  const auto input = read_number(where, kMostTokens, {"prompt_tokens", "input_tokens"});
  if (!input) return fail(input.error());
  const auto output = read_number(where, kMostTokens, {"completion_tokens", "output_tokens"});
  if (!output) return fail(output.error());
  if (*input) call.input_tokens = static_cast<std::uint64_t>(**input);
  if (*output) call.output_tokens = static_cast<std::uint64_t>(**output);
  return {};
}

Status read_values(const json::object& object, LiteLlmCall& call) {
  constexpr double kHighestCost = 1e6;
  auto quality = read_number(object, 1, {"quality", "score"});
  if (!quality) return fail(quality.error());
  auto cost = read_number(object, kHighestCost, {"response_cost", "spend", "cost_usd", "cost"});
  if (!cost) return fail(cost.error());
  auto latency = read_latency(object);
  if (!latency) return fail(latency.error());
  call.quality = *quality;
  call.cost_usd = *cost;
  call.latency_s = *latency;
  call.time = read_time(object, "startTime");
  std::string status;
  if (Status read = read_text_field(object, "status", status); !read) return read;
  if (status == "failure") call.quality = 0;
  return read_tokens(object, call);
}

}  // namespace

Result<LiteLlmCall> parse_litellm_line(std::string_view line) {
  json::error_code error;
  const json::value parsed = json::parse(line, error);
  if (error) return refuse("malformed JSON: " + error.message());
  const json::object* object = parsed.if_object();
  if (object == nullptr) return refuse("not a JSON object");

  LiteLlmCall call;
  for (const Status& status :
       {read_text_field(*object, "model", call.model),
        read_text_field(*object, "model_group", call.model_group), read_values(*object, call)}) {
    if (!status) return fail(status.error());
  }
  if (call.model.empty() && call.model_group.empty()) return refuse("model is missing");
  if (!call.quality && !call.cost_usd && !call.latency_s && !call.output_tokens) {
    return refuse("it holds nothing to learn from: no quality, cost, latency or usage");
  }
  call.query = read_text(*object);
  return call;
}

}  // namespace yardmaster::agent
