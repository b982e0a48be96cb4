#include "env/translation/messages_to_chat.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "base/json_text.h"
#include "env/translation/json_access.h"
#include "env/translation/message_content.h"
#include "env/usage.h"

namespace yardmaster::env {

namespace json = boost::json;

namespace {

constexpr std::size_t kMaxStops = 4;  // that OpenAI takes

Status bad(std::string field, std::string_view wanted) {
  return fail(ErrorCode::invalid_argument, "'" + field + "' must be " + std::string(wanted));
}

std::string at(const std::string& list, std::size_t index) {
  return list + "[" + std::to_string(index) + "]";
}

/// A text block's text is a string; other blocks are told by their type alone.
Status check_content(const json::value* content, const std::string& path) {
  if (content == nullptr) return bad(path, "a string or an array of content blocks");
  if (content->is_string()) return {};
  if (!content->is_array()) return bad(path, "a string or an array of content blocks");
  for (std::size_t i = 0; i < content->get_array().size(); ++i) {
    const json::value& block = content->get_array()[i];
    if (!block.is_object() || text_in(block.get_object(), "type").empty()) {
      return bad(at(path, i), "an object with a string 'type'");
    }
    const json::object& object = block.get_object();
    const json::value* text = object.if_contains("text");
    if (text_in(object, "type") == "text" && (text == nullptr || !text->is_string())) {
      return bad(at(path, i) + ".text", "a string");
    }
    const json::value* result = member(object, "content");
    if (text_in(object, "type") != "tool_result" || result == nullptr) continue;
    if (Status status = check_content(result, at(path, i) + ".content"); !status) return status;
  }
  return {};
}

Status check_message(const json::value& message, const std::string& path) {
  if (!message.is_object()) return bad(path, "an object with 'role' and 'content'");
  const std::string_view role = text_in(message.get_object(), "role");
  if (role != "user" && role != "assistant") return bad(path + ".role", "user or assistant");
  return check_content(member(message.get_object(), "content"), path + ".content");
}

Status check(const json::object& messages) {
  const json::array& turns = list_in(messages, "messages");
  if (turns.empty()) return bad("messages", "an array of at least one message");
  for (std::size_t i = 0; i < turns.size(); ++i) {
    if (Status status = check_message(turns[i], at("messages", i)); !status) return status;
  }
  if (const json::value* system = member(messages, "system"); system != nullptr) {
    if (Status status = check_content(system, "system"); !status) return status;
  }
  const json::value* bound = member(messages, "max_tokens");
  if (bound == nullptr || !bound->is_number() || bound->to_number<double>() < 0) {
    return bad("max_tokens", "a whole number, which Anthropic's API requires");
  }
  const json::value* tools = member(messages, "tools");
  if (tools != nullptr && !tools->is_array()) return bad("tools", "an array");
  return {};
}

/// One part of text is a string, which every server takes.
json::value simple_content(json::array parts) {
  if (parts.size() == 1 && text_in(parts.front().get_object(), "type") == "text") {
    return parts.front().get_object().at("text");
  }
  return parts;
}

void push_user(json::array parts, json::array& out) {
  if (parts.empty()) return;
  out.push_back(json::object{{"role", "user"}, {"content", simple_content(std::move(parts))}});
}

/// A message of its own for each result. Images of results go into the user's message, since a
/// tool's message takes text alone.
void push_user_turn(const json::value& content, json::array& out) {
  json::array parts;
  if (content.is_string()) {
    out.push_back(json::object{{"role", "user"}, {"content", content}});
    return;
  }
  for (const json::value& each : content.get_array()) {
    const json::object& block = each.get_object();
    if (text_in(block, "type") != "tool_result") {
      append_parts(block, parts);
      continue;
    }
    std::string text = joined_text(member(block, "content"), "\n");
    if (text.empty() && is_true(block, "is_error")) text = "error";
    for (const json::value& nested : list_in(block, "content")) {
      if (text_in(nested.get_object(), "type") != "text") {
        append_parts(nested.get_object(), parts);
      }
    }
    out.push_back(json::object{
        {"role", "tool"}, {"tool_call_id", text_in(block, "tool_use_id")}, {"content", text}});
  }
  push_user(std::move(parts), out);
}

json::object tool_call(const json::object& block) {
  const json::value* input = member(block, "input");
  return {{"id", text_in(block, "id")},
          {"type", "function"},
          {"function",
           {{"name", text_in(block, "name")},
            {"arguments", input != nullptr ? to_json(*input) : std::string("{}")}}}};
}

/// Thinking is left out, for which OpenAI's API has no place.
void push_assistant_turn(const json::value& content, json::array& out) {
  const std::string text = joined_text(&content, "");
  json::array calls;
  if (content.is_array()) {
    for (const json::value& each : content.get_array()) {
      const json::object& block = each.get_object();
      if (text_in(block, "type") == "tool_use") calls.push_back(tool_call(block));
    }
  }
  json::object message{{"role", "assistant"}, {"content", text}};
  if (!calls.empty()) {
    if (text.empty()) message["content"] = nullptr;
    message["tool_calls"] = std::move(calls);
  }
  out.push_back(std::move(message));
}

json::array translate_messages(const json::object& messages) {
  json::array out;
  if (const std::string system = joined_text(member(messages, "system"), "\n\n"); !system.empty()) {
    out.push_back(json::object{{"role", "system"}, {"content", system}});
  }
  for (const json::value& each : list_in(messages, "messages")) {
    const json::object& message = each.get_object();
    const json::value& content = message.at("content");
    if (text_in(message, "role") == "user") {
      push_user_turn(content, out);
    } else {
      push_assistant_turn(content, out);
    }
  }
  return out;
}

json::array translate_tools(const json::array& tools) {
  json::array out;
  for (const json::value& each : tools) {
    if (!each.is_object()) continue;
    const json::object& tool = each.get_object();
    const std::string_view type = text_in(tool, "type");
    if (!type.empty() && type != "custom") continue;
    json::object function{{"name", text_in(tool, "name")}};
    if (const auto text = text_in(tool, "description"); !text.empty()) {
      function["description"] = text;
    }
    if (const json::object* schema = object_in(tool, "input_schema")) {
      function["parameters"] = *schema;
    }
    out.push_back(json::object{{"type", "function"}, {"function", std::move(function)}});
  }
  return out;
}

void put_tool_choice(const json::object& messages, json::object& out) {
  const json::object* choice = object_in(messages, "tool_choice");
  if (choice == nullptr) return;
  const std::string_view type = text_in(*choice, "type");
  if (type == "auto" || type == "none") out["tool_choice"] = type;
  if (type == "any") out["tool_choice"] = "required";
  if (type == "tool") {
    out["tool_choice"] = {{"type", "function"}, {"function", {{"name", text_in(*choice, "name")}}}};
  }
  if (is_true(*choice, "disable_parallel_tool_use")) out["parallel_tool_calls"] = false;
}

void put_bound(const json::object& messages, ChatDialect dialect, json::object& out) {
  const json::value& bound = messages.at("max_tokens");
  if (bound.to_number<double>() < 1) return;
  out[dialect.max_completion_tokens ? "max_completion_tokens" : "max_tokens"] = bound;
}

void put_stop(const json::object& messages, json::object& out) {
  json::array stop = list_in(messages, "stop_sequences");
  if (stop.size() > kMaxStops) stop.resize(kMaxStops);
  if (!stop.empty()) out["stop"] = std::move(stop);
}

void put_response_format(const json::object& messages, json::object& out) {
  const json::object* config = object_in(messages, "output_config");
  const json::object* format = config != nullptr ? object_in(*config, "format") : nullptr;
  const json::object* schema = format != nullptr ? object_in(*format, "schema") : nullptr;
  if (schema == nullptr) return;
  out["response_format"] = {
      {"type", "json_schema"},
      {"json_schema", {{"name", "answer"}, {"schema", *schema}, {"strict", true}}}};
}

void put_stream(const json::object& messages, ChatDialect dialect, json::object& out) {
  if (!is_true(messages, "stream")) return;
  out["stream"] = true;
  if (dialect.stream_usage) out["stream_options"] = {{"include_usage", true}};
}

}  // namespace

Result<json::object> messages_to_chat(const json::object& messages, ChatDialect dialect) {
  if (Status checked = check(messages); !checked) return fail(checked.error());
  json::object out{{"model", text_in(messages, "model")},
                   {"messages", translate_messages(messages)}};
  if (json::array tools = translate_tools(list_in(messages, "tools")); !tools.empty()) {
    out["tools"] = std::move(tools);
    put_tool_choice(messages, out);
  }
  put_bound(messages, dialect, out);
  for (const char* name : {"temperature", "top_p"}) {
    if (const json::value* value = member(messages, name)) out[name] = *value;
  }
  put_stop(messages, out);
  put_response_format(messages, out);
  const json::object* metadata = object_in(messages, "metadata");
  if (metadata != nullptr && !text_in(*metadata, "user_id").empty()) {
    out["user"] = text_in(*metadata, "user_id");
  }
  put_stream(messages, dialect, out);
  return out;
}

Result<std::string> messages_to_chat(std::string_view body, ChatDialect dialect) {
  const auto messages = parse_answer(body);
  if (!messages) return fail(ErrorCode::invalid_argument, "the body is no JSON object; send one");
  auto chat = messages_to_chat(*messages, dialect);
  if (!chat) return fail(chat.error());
  return to_json(*chat);
}

}  // namespace yardmaster::env
