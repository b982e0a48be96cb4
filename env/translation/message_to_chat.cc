#include "env/translation/message_to_chat.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/json_text.h"
#include "env/query_text.h"
#include "env/translation/json_access.h"
#include "env/usage.h"

namespace yardmaster::env {

namespace json = boost::json;

namespace {

constexpr std::size_t kMaxErrorBytes = 1000;

json::object tool_call(const json::object& block) {
  const json::value* input = member(block, "input");
  return {{"id", text_in(block, "id")},
          {"type", "function"},
          {"function",
           {{"name", text_in(block, "name")},
            {"arguments", input != nullptr ? to_json(*input) : std::string("{}")}}}};
}

/// Thinking is left out, for which OpenAI's API has no place.
json::object chat_message(const json::array& content) {
  std::string text;
  json::array calls;
  for (const json::value& each : content) {
    if (!each.is_object()) continue;
    const json::object& block = each.get_object();
    const std::string_view type = text_in(block, "type");
    if (type == "text") text += text_in(block, "text");
    if (type == "tool_use") calls.push_back(tool_call(block));
  }
  json::object message{{"role", "assistant"}, {"content", nullptr}, {"refusal", nullptr}};
  if (!text.empty() || calls.empty()) message["content"] = text;
  if (!calls.empty()) message["tool_calls"] = std::move(calls);
  return message;
}

std::string_view openai_type(std::string_view type) {
  if (type == "authentication_error" || type == "permission_error" || type == "rate_limit_error") {
    return type;
  }
  if (type == "api_error" || type == "overloaded_error" || type == "timeout_error") {
    return "server_error";
  }
  return "invalid_request_error";
}

}  // namespace

std::string_view finish_reason_of(std::string_view stop_reason) {
  if (stop_reason == "max_tokens" || stop_reason == "model_context_window_exceeded") {
    return "length";
  }
  if (stop_reason == "tool_use") return "tool_calls";
  if (stop_reason == "refusal") return "content_filter";
  return "stop";
}

json::object chat_usage(const json::object& usage) {
  const std::uint64_t read = count_in(usage, "cache_read_input_tokens").value_or(0);
  const std::uint64_t written = count_in(usage, "cache_creation_input_tokens").value_or(0);
  const std::uint64_t prompt = count_in(usage, "input_tokens").value_or(0) + read + written;
  const std::uint64_t completion = count_in(usage, "output_tokens").value_or(0);
  return {{"prompt_tokens", prompt},
          {"completion_tokens", completion},
          {"total_tokens", prompt + completion},
          {"prompt_tokens_details", {{"cached_tokens", read}, {"cache_write_tokens", written}}}};
}

json::object openai_error(const json::object& error) {
  const std::string_view type = text_in(error, "type");
  const std::string_view message = text_in(error, "message");
  return {{"error",
           {{"message", message.empty() ? std::string_view("without a message") : message},
            {"type", openai_type(type)},
            {"param", nullptr},
            {"code", type.empty() ? json::value(nullptr) : json::value(type)}}}};
}

Result<std::string> message_to_chat(std::string_view body, std::int64_t created) {
  const auto message = parse_answer(body);
  if (!message || text_in(*message, "type") != "message") {
    const bool error = message && error_in(*message);
    return fail(ErrorCode::io, error ? error_text("the answer is", *message)
                                     : "the answer is no message of Anthropic's API");
  }
  json::array choices;
  choices.push_back(
      json::object{{"index", 0},
                   {"message", chat_message(list_in(*message, "content"))},
                   {"logprobs", nullptr},
                   {"finish_reason", finish_reason_of(text_in(*message, "stop_reason"))}});
  json::object chat{{"id", text_in(*message, "id")},
                    {"object", "chat.completion"},
                    {"created", created},
                    {"model", text_in(*message, "model")},
                    {"choices", std::move(choices)}};
  if (const json::object* usage = object_in(*message, "usage")) chat["usage"] = chat_usage(*usage);
  return to_json(chat);
}

std::string anthropic_error_to_openai(std::string_view body, unsigned status) {
  const auto answer = parse_answer(body);
  const json::object* error = answer ? object_in(*answer, "error") : nullptr;
  if (error != nullptr) return to_json(openai_error(*error));
  std::string text(cut_at_character(body, kMaxErrorBytes));
  if (text.empty()) text = "HTTP " + std::to_string(status);
  return to_json(openai_error({{"type", "invalid_request_error"}, {"message", text}}));
}

}  // namespace yardmaster::env
