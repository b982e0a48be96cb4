#include "env/translation/limits.h"

#include <algorithm>

#include "env/query_text.h"
#include "env/translation/chat_content.h"
#include "env/translation/json_access.h"
#include "env/translation/message_content.h"

namespace yardmaster::env {

namespace json = boost::json;

namespace {

bool holds(const json::array& list, std::string_view text) {
  return std::any_of(list.begin(), list.end(), [&](const json::value& each) {
    return each.is_string() && each.get_string() == text;
  });
}

/// A number above `bound`, such as n.
bool is_above(const json::object& chat, std::string_view name, double bound) {
  const json::value* value = member(chat, name);
  return value != nullptr && value->is_number() && value->to_number<double>() > bound;
}

bool has_entries(const json::object& chat, std::string_view name) {
  const json::object* object = object_in(chat, name);
  return object != nullptr && !object->empty();
}

bool all_functions(const json::array& tools) {
  return std::all_of(tools.begin(), tools.end(), [](const json::value& tool) {
    return tool.is_object() && object_in(tool.get_object(), "function") != nullptr;
  });
}

std::string_view in_messages(const json::array& messages) {
  for (const json::value& each : messages) {
    if (!each.is_object()) continue;
    const json::object& message = each.get_object();
    if (text_in(message, "role") == "function" || member(message, "function_call") != nullptr) {
      return "functions (use tools)";
    }
    if (member(message, "audio") != nullptr) return "audio";
    if (!all_functions(list_in(message, "tool_calls"))) return "custom tools";
    for (const json::value& part : list_in(message, "content")) {
      const std::string_view beyond =
          part.is_object() ? part_beyond_anthropic(part.get_object()) : std::string_view();
      if (!beyond.empty()) return beyond;
    }
  }
  return {};
}

}  // namespace

std::string beyond_anthropic(const json::object& chat) {
  if (is_above(chat, "n", 1)) return "n > 1";
  if (is_true(chat, "logprobs") || is_above(chat, "top_logprobs", 0)) return "logprobs";
  if (holds(list_in(chat, "modalities"), "audio") || member(chat, "audio") != nullptr) {
    return "audio";
  }
  if (!list_in(chat, "functions").empty()) return "functions (use tools)";
  if (!all_functions(list_in(chat, "tools"))) return "custom tools";
  const json::object* choice = object_in(chat, "tool_choice");
  if (choice != nullptr && object_in(*choice, "function") == nullptr) {
    return "tool_choice by other than a function's name";
  }
  if (has_entries(chat, "logit_bias")) return "logit_bias";
  if (member(chat, "web_search_options") != nullptr) return "web_search_options";
  return std::string(in_messages(list_in(chat, "messages")));
}

std::string beyond_openai(const json::object& messages) {
  for (const char* name : {"mcp_servers", "container"}) {
    if (member(messages, name) != nullptr) return name;
  }
  for (const json::value& tool : list_in(messages, "tools")) {
    const std::string_view type = tool.is_object() ? text_in(tool.get_object(), "type") : "";
    if (!type.empty() && type != "custom") {
      return "tool of type " + std::string(kind_named(type));
    }
  }
  const json::value* bound = member(messages, "max_tokens");
  if (bound != nullptr && bound->is_number() && bound->to_number<double>() < 1) {
    return "max_tokens 0";
  }
  const json::array& turns = list_in(messages, "messages");
  for (const json::value& turn : turns) {
    if (!turn.is_object()) continue;
    for (const json::value& block : list_in(turn.get_object(), "content")) {
      if (!block.is_object()) continue;
      if (std::string beyond = block_beyond_openai(block.get_object()); !beyond.empty()) {
        return beyond;
      }
    }
  }
  const bool begun = !turns.empty() && turns.back().is_object() &&
                     text_in(turns.back().get_object(), "role") == "assistant";
  return begun ? "answer begun by the client, which ends the messages" : "";
}

}  // namespace yardmaster::env
