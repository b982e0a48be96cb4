#include "env/translation/chat_to_message.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/json_text.h"
#include "env/query_text.h"
#include "env/translation/chat_content.h"
#include "env/translation/json_access.h"
#include "env/usage.h"

namespace yardmaster::env {

namespace json = boost::json;

namespace {

constexpr std::size_t kMaxErrorBytes = 1000;

json::object tool_use(const json::object& call) {
  const json::object* function = object_in(call, "function");
  return {{"type", "tool_use"},
          {"id", tool_id(text_in(call, "id"))},
          {"name", function != nullptr ? text_in(*function, "name") : std::string_view()},
          {"input", tool_input(function != nullptr ? text_in(*function, "arguments") : "")}};
}

json::array content_of(const json::object& message) {
  json::array content;
  for (const char* name : {"content", "refusal"}) {
    if (const std::string_view text = text_in(message, name); !text.empty()) {
      content.push_back(text_block(text));
    }
  }
  for (const json::value& call : list_in(message, "tool_calls")) {
    if (call.is_object()) content.push_back(tool_use(call.get_object()));
  }
  return content;
}

std::string_view error_type(unsigned status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 402:
      return "billing_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
    case 431:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
    case 529:
      return "overloaded_error";
    case 408:
    case 504:
      return "timeout_error";
    default:
      return status >= 500 ? "api_error" : "invalid_request_error";
  }
}

}  // namespace

std::string_view stop_reason_of(std::string_view finish_reason) {
  if (finish_reason == "length") return "max_tokens";
  if (finish_reason == "tool_calls" || finish_reason == "function_call") return "tool_use";
  if (finish_reason == "content_filter") return "refusal";
  return "end_turn";
}

json::object message_usage(const json::object& usage) {
  const json::object* details = object_in(usage, "prompt_tokens_details");
  const std::uint64_t prompt = count_in(usage, "prompt_tokens").value_or(0);
  const std::uint64_t cached =
      details != nullptr ? std::min(count_in(*details, "cached_tokens").value_or(0), prompt) : 0;
  return {{"input_tokens", prompt - cached},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", cached},
          {"output_tokens", count_in(usage, "completion_tokens").value_or(0)}};
}

Result<std::string> chat_to_message(std::string_view body) {
  const auto chat = parse_answer(body);
  if (!chat) return fail(ErrorCode::io, "the answer is no JSON object");
  if (error_in(*chat)) return fail(ErrorCode::io, error_text("the answer is", *chat));
  const json::array& choices = list_in(*chat, "choices");
  const json::object* choice = choices.empty() ? nullptr : choices.front().if_object();
  const json::object* said = choice != nullptr ? object_in(*choice, "message") : nullptr;
  if (said == nullptr) return fail(ErrorCode::io, "the answer has no message");
  json::array content = content_of(*said);
  // Some servers say "stop" also after calls.
  std::string_view reason = stop_reason_of(text_in(*choice, "finish_reason"));
  if (!list_in(*said, "tool_calls").empty() && reason == "end_turn") reason = "tool_use";
  const json::object* usage = object_in(*chat, "usage");
  const json::object message{{"id", text_in(*chat, "id")},
                             {"type", "message"},
                             {"role", "assistant"},
                             {"model", text_in(*chat, "model")},
                             {"content", std::move(content)},
                             {"stop_reason", reason},
                             {"stop_sequence", nullptr},
                             {"usage", message_usage(usage != nullptr ? *usage : json::object())}};
  return to_json(message);
}

std::string openai_error_to_anthropic(std::string_view body, unsigned status) {
  const auto answer = parse_answer(body);
  if (answer && text_in(*answer, "type") == "error") return std::string(body);
  if (answer) {
    if (const auto message = error_in(*answer)) return anthropic_error(*message, status);
  }
  if (body.empty()) return anthropic_error("HTTP " + std::to_string(status), status);
  return anthropic_error(cut_at_character(body, kMaxErrorBytes), status);
}

std::string anthropic_error(std::string_view message, unsigned status) {
  return to_json(json::object{{"type", "error"},
                              {"error", {{"type", error_type(status)}, {"message", message}}}});
}

}  // namespace yardmaster::env
