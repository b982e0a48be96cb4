#include "env/translation/chat_to_messages.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <set>

#include "base/json_text.h"
#include "env/translation/chat_content.h"
#include "env/translation/json_access.h"
#include "env/usage.h"

namespace yardmaster::env {

namespace json = boost::json;

namespace {

constexpr std::string_view kJsonInstruction =
    "Answer with one JSON object and nothing else: no other text and no code fence.";
constexpr std::size_t kMaxUserIdBytes = 256;

/// Writes the messages: Anthropic has the system's text apart, takes turns of user and assistant,
/// and has what a tool returned in the user's turn.
class Conversation {
 public:
  Status add(const json::object& message) {
    const std::string_view role = text_in(message, "role");
    if (role == "system" || role == "developer") return add_system(message);
    if (role == "tool") return add_tool_result(message);
    auto blocks = content_blocks(member(message, "content"));
    if (!blocks) return fail(blocks.error());
    if (role != "assistant") {
      append("user", std::move(*blocks));
      return {};
    }
    for (const json::value& call : list_in(message, "tool_calls")) {
      if (call.is_object()) blocks->push_back(tool_use(call.get_object()));
    }
    append("assistant", std::move(*blocks));
    return {};
  }

  void add_instruction(std::string_view text) { system_.push_back(text_block(text)); }

  /// Anthropic wants a user's turn first, and no blanks at the end of an assistant's last one.
  Status finish() {
    if (messages_.empty()) append("user", std::move(system_));
    if (messages_.empty()) {
      return fail(ErrorCode::invalid_argument,
                  "every message is empty, which Anthropic's API does not take; send some text");
    }
    if (role_of(messages_.front()) == "assistant") {
      json::array dot;
      dot.push_back(text_block("."));
      messages_.insert(messages_.begin(), turn("user", std::move(dot)));
    }
    if (role_of(messages_.back()) == "assistant") trim_end(messages_.back().get_object());
    return {};
  }

  json::array& system() { return system_; }
  json::array& messages() { return messages_; }
  const std::set<std::string, std::less<>>& used_tools() const { return used_tools_; }

 private:
  static json::object turn(std::string_view role, json::array blocks) {
    return {{"role", role}, {"content", std::move(blocks)}};
  }

  static std::string_view role_of(const json::value& message) {
    return text_in(message.get_object(), "role");
  }

  static void trim_end(json::object& message) {
    json::object& block = message.at("content").as_array().back().as_object();
    if (text_in(block, "type") != "text") return;
    json::string& text = block.at("text").as_string();
    text.resize(std::string_view(text).find_last_not_of(" \t\r\n") + 1);
  }

  Status add_system(const json::object& message) {
    auto blocks = content_blocks(member(message, "content"));
    if (!blocks) return fail(blocks.error());
    for (json::value& block : *blocks) {
      if (text_in(block.get_object(), "type") == "text") system_.push_back(std::move(block));
    }
    return {};
  }

  Status add_tool_result(const json::object& message) {
    auto content = content_blocks(member(message, "content"));
    if (!content) return fail(content.error());
    json::object result{{"type", "tool_result"},
                        {"tool_use_id", tool_id(text_in(message, "tool_call_id"))}};
    if (!content->empty()) result["content"] = std::move(*content);
    json::array blocks;
    blocks.push_back(std::move(result));
    append("user", std::move(blocks));
    return {};
  }

  json::object tool_use(const json::object& call) {
    json::object block{{"type", "tool_use"}, {"id", tool_id(text_in(call, "id"))}};
    const json::object* function = object_in(call, "function");
    const std::string_view name = function != nullptr ? text_in(*function, "name") : "";
    block["name"] = name;
    block["input"] = tool_input(function != nullptr ? text_in(*function, "arguments") : "");
    used_tools_.emplace(name);
    return block;
  }

  void append(std::string_view role, json::array blocks) {
    if (blocks.empty()) return;
    if (messages_.empty() || role_of(messages_.back()) != role) {
      messages_.push_back(turn(role, std::move(blocks)));
      return;
    }
    json::array& content = messages_.back().get_object().at("content").get_array();
    for (json::value& block : blocks) content.push_back(std::move(block));
  }

  json::array system_;
  json::array messages_;
  std::set<std::string, std::less<>> used_tools_;
};

json::object open_schema() { return {{"type", "object"}, {"properties", json::object()}}; }

json::array translate_tools(const json::array& tools) {
  json::array out;
  for (const json::value& each : tools) {
    const json::object* function =
        each.is_object() ? object_in(each.get_object(), "function") : nullptr;
    if (function == nullptr) continue;
    json::object tool{{"name", text_in(*function, "name")}};
    if (const std::string_view text = text_in(*function, "description"); !text.empty()) {
      tool["description"] = text;
    }
    const json::object* schema = object_in(*function, "parameters");
    tool["input_schema"] = schema != nullptr ? *schema : open_schema();
    copy_cache_control(each.get_object(), tool);
    out.push_back(std::move(tool));
  }
  return out;
}

/// Nothing: the default is as good.
std::optional<json::object> translate_tool_choice(const json::object& chat) {
  std::optional<json::object> out;
  const json::value* choice = member(chat, "tool_choice");
  if (choice != nullptr && choice->is_object()) {
    const json::object* function = object_in(choice->get_object(), "function");
    if (function != nullptr) {
      out = json::object{{"type", "tool"}, {"name", text_in(*function, "name")}};
    }
  } else if (choice != nullptr && choice->is_string()) {
    const std::string_view name = choice->get_string();
    if (name == "none") return json::object{{"type", "none"}};
    out = json::object{{"type", name == "required" ? "any" : "auto"}};
  }
  const json::value* parallel = member(chat, "parallel_tool_calls");
  if (parallel != nullptr && parallel->is_bool() && !parallel->get_bool()) {
    if (!out) out = json::object{{"type", "auto"}};
    (*out)["disable_parallel_tool_use"] = true;
  }
  return out;
}

/// Anthropic wants every tool that the conversation used declared, also where none may be called.
void put_tools(const json::object& chat, const Conversation& conversation, json::object& out) {
  json::array tools = translate_tools(list_in(chat, "tools"));
  if (!tools.empty()) {
    out["tools"] = std::move(tools);
    if (auto choice = translate_tool_choice(chat)) out["tool_choice"] = std::move(*choice);
    return;
  }
  if (conversation.used_tools().empty()) return;
  for (const std::string& name : conversation.used_tools()) {
    tools.push_back(json::object{{"name", name}, {"input_schema", open_schema()}});
  }
  out["tools"] = std::move(tools);
  out["tool_choice"] = json::object{{"type", "none"}};
}

void put_max_tokens(const json::object& chat, std::uint32_t default_max_tokens, json::object& out) {
  out["max_tokens"] = default_max_tokens;
  for (const char* name : {"max_tokens", "max_completion_tokens"}) {
    if (const json::value* bound = member(chat, name); bound != nullptr && bound->is_number()) {
      out["max_tokens"] = *bound;
    }
  }
}

/// One of the two: Anthropic's models refuse both together.
void put_sampling(const json::object& chat, json::object& out) {
  if (!takes_sampling(text_in(chat, "model"))) return;
  const json::value* temperature = member(chat, "temperature");
  const json::value* top_p = member(chat, "top_p");
  if (temperature != nullptr && temperature->is_number()) {
    const double value = temperature->to_number<double>();
    out["temperature"] = value > 1 ? json::value(1) : *temperature;
  } else if (top_p != nullptr && top_p->is_number()) {
    out["top_p"] = *top_p;
  }
}

/// Anthropic refuses sequences of blanks alone.
void put_stop(const json::object& chat, json::object& out) {
  json::array sequences;
  const auto add = [&](const json::value& sequence) {
    if (sequence.is_string() && !is_blank(sequence.get_string())) sequences.push_back(sequence);
  };
  if (const json::value* stop = member(chat, "stop"); stop != nullptr && stop->is_array()) {
    for (const json::value& each : stop->get_array()) add(each);
  } else if (stop != nullptr) {
    add(*stop);
  }
  if (!sequences.empty()) out["stop_sequences"] = std::move(sequences);
}

/// A schema is held to by Anthropic itself; JSON without one is asked for in words.
void put_response_format(const json::object& chat, Conversation& conversation, json::object& out) {
  const json::object* format = object_in(chat, "response_format");
  if (format == nullptr) return;
  const std::string_view type = text_in(*format, "type");
  if (type != "json_object" && type != "json_schema") return;
  const json::object* named = object_in(*format, "json_schema");
  const json::object* schema = named != nullptr ? object_in(*named, "schema") : nullptr;
  if (schema == nullptr) {
    conversation.add_instruction(kJsonInstruction);
    return;
  }
  out["output_config"] = {{"format", {{"type", "json_schema"}, {"schema", *schema}}}};
}

void put_user(const json::object& chat, json::object& out) {
  for (const char* name : {"safety_identifier", "user"}) {
    const std::string_view user = text_in(chat, name);
    if (user.empty() || user.size() > kMaxUserIdBytes) continue;
    out["metadata"] = {{"user_id", user}};
    return;
  }
}

int take_number(std::string_view& text) {
  int number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto digits = static_cast<std::size_t>(end - text.data());
  text.remove_prefix(digits);
  return digits > 2 ? -1 : number;  // longer ones are dates
}

}  // namespace

bool takes_sampling(std::string_view model) {
  constexpr std::string_view kFamily = "claude-";
  const std::size_t at = model.find(kFamily);
  if (at == std::string_view::npos) return true;
  std::string_view version = model.substr(at + kFamily.size());
  if (!version.empty() && version.front() >= '0' && version.front() <= '9') return true;  // 3.x
  const std::size_t dash = version.find('-');
  if (dash == std::string_view::npos) return false;
  version.remove_prefix(dash + 1);
  const int major = take_number(version);
  if (major < 0) return false;
  int minor = 0;
  if (version.starts_with('-') || version.starts_with('.')) {
    version.remove_prefix(1);
    minor = std::max(0, take_number(version));
  }
  return major < 4 || (major == 4 && minor < 7);
}

Result<std::string> chat_to_messages(std::string_view body, std::uint32_t default_max_tokens) {
  const auto chat = parse_answer(body);
  if (!chat) {
    return fail(ErrorCode::invalid_argument, "the body is no JSON object; send one");
  }
  Conversation conversation;
  for (const json::value& message : list_in(*chat, "messages")) {
    if (!message.is_object()) continue;
    if (Status added = conversation.add(message.get_object()); !added) return fail(added.error());
  }
  json::object out{{"model", text_in(*chat, "model")}};
  put_max_tokens(*chat, default_max_tokens, out);
  if (Status finished = conversation.finish(); !finished) return fail(finished.error());
  put_response_format(*chat, conversation, out);
  if (!conversation.system().empty()) out["system"] = std::move(conversation.system());
  put_tools(*chat, conversation, out);
  out["messages"] = std::move(conversation.messages());
  put_sampling(*chat, out);
  put_stop(*chat, out);
  put_user(*chat, out);
  if (is_true(*chat, "stream")) out["stream"] = true;
  return to_json(out);
}

}  // namespace yardmaster::env
