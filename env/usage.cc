#include "env/usage.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "env/query_text.h"
#include "env/translation/json_access.h"

namespace yardmaster::env {

namespace json = boost::json;

namespace {

/// Answers nest deeper than Boost.JSON's default of 32 when a tool call's arguments do.
constexpr std::size_t kMaxDepth = 512;

constexpr std::string_view kUntyped = "an error";
constexpr std::string_view kTyped = "an error of type ";

void read_cached(const json::object& counts, std::string_view key, Usage& usage) {
  const json::value* details = counts.if_contains(key);
  if (details == nullptr || !details->is_object()) return;
  std::optional<std::uint64_t> read;
  std::optional<std::uint64_t> written;
  read_count(details->get_object(), "cached_tokens", read);
  read_count(details->get_object(), "cache_write_tokens", written);
  usage.cache_read_tokens = read.value_or(usage.cache_read_tokens);
  usage.cache_write_tokens = written.value_or(usage.cache_write_tokens);
}

void read_choice(const json::object& choice, Usage& usage) {
  const std::string_view reason = text_in(choice, "finish_reason");
  if (reason == "length") {
    note_finish(Finish::length, usage);
  } else if (reason == "content_filter") {
    note_finish(Finish::refusal, usage);
  } else if (!reason.empty()) {
    note_finish(Finish::stop, usage);
  }
  for (const char* part : {"message", "delta"}) {
    const json::object* said = object_in(choice, part);
    if (said != nullptr && !text_in(*said, "refusal").empty()) note_finish(Finish::refusal, usage);
  }
}

}  // namespace

void note_finish(Finish finish, Usage& usage) {
  usage.finish = std::max(finish, usage.finish.value_or(Finish::stop));
}

std::optional<json::object> parse_answer(std::string_view text, json::storage_ptr memory) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code malformed;
  json::value answer = json::parse(text, malformed, std::move(memory), options);
  if (malformed || !answer.is_object()) return std::nullopt;
  return std::move(answer.get_object());
}

void read_usage(const json::object& answer, Usage& usage) {
  if (const json::value* id = answer.if_contains("id"); id != nullptr && id->is_string()) {
    usage.response_id = std::string_view(id->get_string());
  }
  for (const json::value& choice : list_in(answer, "choices")) {
    if (choice.is_object()) read_choice(choice.get_object(), usage);
  }
  if (const json::value* counts = answer.if_contains("usage");
      counts != nullptr && counts->is_object()) {
    read_count(counts->get_object(), "prompt_tokens", usage.input_tokens);
    read_count(counts->get_object(), "completion_tokens", usage.output_tokens);
    read_cached(counts->get_object(), "prompt_tokens_details", usage);
  }
}

std::string error_kind(const json::object& answer) {
  const json::object* error = object_in(answer, "error");
  for (const char* name : {"type", "code"}) {
    const std::string_view kind = text_in(error != nullptr ? *error : answer, name);
    if (is_identifier(kind) && kind != "error") return std::string(kTyped) + std::string(kind);
  }
  return std::string(kUntyped);
}

std::string error_text(std::string_view where, const json::object& answer) {
  return std::string(where) + " " + error_kind(answer) + ": " + error_in(answer).value_or("");
}

std::string_view without_words(std::string_view message) {
  const std::size_t error = message.find(kUntyped);
  if (error == std::string_view::npos) return message;
  return message.substr(0, message.find(": ", error));
}

std::optional<std::string> error_in(const json::object& answer) {
  const json::value* error = answer.if_contains("error");
  if (error == nullptr || error->is_null()) return std::nullopt;
  if (error->is_string()) return std::string(error->get_string());
  if (error->is_object()) {
    const json::value* message = error->get_object().if_contains("message");
    if (message != nullptr && message->is_string()) return std::string(message->get_string());
  }
  return "without a message";
}

}  // namespace yardmaster::env
