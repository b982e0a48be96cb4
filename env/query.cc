#include "env/query.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "env/query_text.h"
#include "env/request_query.h"
#include "env/translation/json_access.h"
#include "env/translation/limits.h"
#include "env/translation/messages_to_chat.h"

namespace yardmaster::env {
namespace {

namespace json = boost::json;

// Nobody means a deeper body, and the parser calls itself once a level.
constexpr std::size_t kMaxDepth = 256;
// An image counts as so much text: some 765 tokens, which is what OpenAI takes for one of 1024 x
// 1024.
constexpr std::uint64_t kImageBytes = 3000;

/// What OpenAI's API documents for the body of /v1/chat/completions, and our own "query" and
/// "explain"; sorted.
constexpr std::array<std::string_view, 37> kKnownFields = {
    "audio",
    "explain",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "query",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
};
static_assert(std::is_sorted(kKnownFields.begin(), kKnownFields.end()));

constexpr std::array<std::string_view, 8> kMessageFields = {
    "audio", "content", "function_call", "name", "refusal", "role", "tool_call_id", "tool_calls"};

constexpr std::array<std::string_view, 6> kRoles = {"system",    "developer", "user",
                                                    "assistant", "tool",      "function"};

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Status bad(std::string field, std::string_view wanted) {
  return fail(ErrorCode::invalid_argument, "'" + field + "' must be " + std::string(wanted));
}

/// The length of its JSON text, which is never held as a whole: tools may be long.
std::size_t serialized_bytes(const json::value& value) {
  json::serializer serializer;
  serializer.reset(&value);
  std::array<char, 1024> buffer;
  std::size_t bytes = 0;
  while (!serializer.done()) bytes += serializer.read(buffer.data(), buffer.size()).size();
  return bytes;
}

std::string_view role_of(const json::value& message) {
  return message.get_object().at("role").get_string();
}

/// Reads a parsed body into a query. Checks everything first, then gathers the text.
class BodyReader {
 public:
  BodyReader(const json::object& body, std::size_t text_budget_bytes)
      : body_(body), budget_(text_budget_bytes) {}

  Result<Query> read() {
    for (const auto& field : body_) {
      if (!std::binary_search(kKnownFields.begin(), kKnownFields.end(),
                              std::string_view(field.key()))) {
        ++query_.unknown_fields;
      }
    }
    for (Status (BodyReader::*step)() : {&BodyReader::read_strings, &BodyReader::read_flags,
                                         &BodyReader::read_bound, &BodyReader::read_content}) {
      if (Status status = (this->*step)(); !status) return fail(status.error());
    }
    query_.has_code = looks_like_code(query_.text);
    query_.beyond_anthropic = beyond_anthropic(body_);
    return std::move(query_);
  }

  /// Of a body that only a model's own API knows.
  Result<Query> read_passed(std::size_t body_bytes) {
    for (Status (BodyReader::*step)() :
         {&BodyReader::read_strings, &BodyReader::read_stream, &BodyReader::read_stream_options}) {
      if (Status status = (this->*step)(); !status) return fail(status.error());
    }
    query_.prompt_bytes = body_bytes;
    return std::move(query_);
  }

 private:
  Status read_strings() {
    for (const auto& [name, target] :
         {std::pair{"model", &query_.requested_model}, std::pair{"user", &query_.user},
          std::pair{"prompt_cache_key", &query_.prompt_cache_key}}) {
      const json::value* value = member(body_, name);
      if (value == nullptr) continue;
      if (!value->is_string()) return bad(name, "a string");
      target->assign(value->get_string());
    }
    return {};
  }

  Status read_flags() {
    for (const auto& [name, target] :
         {std::pair{"stream", &query_.stream}, std::pair{"explain", &query_.explain}}) {
      const json::value* value = member(body_, name);
      if (value == nullptr) continue;
      if (!value->is_bool()) return bad(name, "true or false");
      *target = value->get_bool();
    }
    for (const char* name : {"tools", "functions"}) {
      const json::value* value = member(body_, name);
      if (value == nullptr) continue;
      if (!value->is_array()) return bad(name, "an array");
      query_.has_tools |= !value->get_array().empty();
      if (query_.has_tools) query_.prompt_bytes += serialized_bytes(*value);
    }
    if (Status status = read_stream_options(); !status) return status;
    return read_response_format();
  }

  Status read_stream() {
    const json::value* value = member(body_, "stream");
    if (value == nullptr) return {};
    if (!value->is_bool()) return bad("stream", "true or false");
    query_.stream = value->get_bool();
    return {};
  }

  Status read_stream_options() {
    const json::value* options = member(body_, "stream_options");
    if (options == nullptr) return {};
    if (!options->is_object()) return bad("stream_options", "an object");
    const json::value* usage = member(options->get_object(), "include_usage");
    if (usage == nullptr) return {};
    if (!usage->is_bool()) return bad("stream_options.include_usage", "true or false");
    query_.wants_stream_usage = usage->get_bool();
    return {};
  }

  Status read_response_format() {
    const json::value* format = member(body_, "response_format");
    if (format == nullptr) return {};
    const json::value* type = format->is_object() ? member(format->get_object(), "type") : nullptr;
    if (type == nullptr || !type->is_string()) {
      return bad("response_format", "an object with a string 'type', such as \"json_object\"");
    }
    query_.wants_json = type->get_string() == "json_object" || type->get_string() == "json_schema";
    return {};
  }

  Status read_bound() {
    // The later name of the two counts where a body has both, as it does for OpenAI.
    for (const char* name : {"max_tokens", "max_completion_tokens"}) {
      const json::value* value = member(body_, name);
      if (value == nullptr) continue;
      const double number = value->is_number() ? value->to_number<double>() : 0;
      if (!(number >= 1) || number != std::floor(number)) {
        return bad(name, "a whole number of 1 or more");
      }
      constexpr double kLargest = std::numeric_limits<std::uint32_t>::max();
      query_.max_output_tokens = static_cast<std::uint32_t>(std::min(number, kLargest));
    }
    return {};
  }

  Status read_content() {
    const json::value* text = member(body_, "query");
    const json::value* messages = member(body_, "messages");
    if (text != nullptr && messages != nullptr) {
      return fail(ErrorCode::invalid_argument,
                  "the body has both 'messages' and 'query'; send one of them");
    }
    if (text != nullptr) {
      if (!text->is_string() || text->get_string().empty())
        return bad("query", "a string that is not empty");
      query_.is_short_form = true;
      query_.prompt_bytes = text->get_string().size();
      append(text->get_string());
      return {};
    }
    if (messages == nullptr || !messages->is_array() || messages->get_array().empty()) {
      return bad("messages", "an array of at least one message");
    }
    return read_messages(messages->get_array());
  }

  Status read_messages(const json::array& messages) {
    query_.turns = static_cast<std::uint32_t>(messages.size());
    std::size_t asked = messages.size() - 1;  // the last user turn; the last of all if none
    for (std::size_t i = 0; i < messages.size(); ++i) {
      if (Status status = check_message(messages[i], "messages[" + std::to_string(i) + "]");
          !status) {
        return status;
      }
      if (role_of(messages[i]) == "user") asked = i;
    }
    const auto is_instruction = [](const json::value& message) {
      return role_of(message) == "system" || role_of(message) == "developer";
    };
    hash_conversation(messages);
    append_message(messages[asked]);
    for (std::size_t i = 0; i < messages.size(); ++i) {
      if (i != asked && is_instruction(messages[i])) append_message(messages[i]);
    }
    for (std::size_t i = messages.size(); i-- > 0 && query_.text.size() < budget_;) {
      if (i != asked && !is_instruction(messages[i])) append_message(messages[i]);
    }
    return {};
  }

  /// Hashes that are the same wherever the standard library is: a conversation lasts no longer.
  void hash_conversation(const json::array& messages) {
    const auto add = [](std::uint64_t& hash, std::string_view text) {
      hash = (hash ^ std::hash<std::string_view>{}(text)) * 0x9e3779b97f4a7c15 + 1;
    };
    std::uint64_t hash = 1;
    for (const json::value& message : messages) {
      const std::string_view role = role_of(message);
      if (role == "assistant") query_.continues = hash;
      add(hash, role);
      const json::value* content = member(message.get_object(), "content");
      if (content == nullptr) continue;
      if (content->is_string()) {
        add(hash, content->get_string());
        continue;
      }
      for (const json::value& part : content->get_array()) {
        if (part.get_object().at("type") == "text")
          add(hash, part.get_object().at("text").get_string());
      }
    }
    query_.conversation = hash;
  }

  Status check_message(const json::value& message, const std::string& path) {
    if (!message.is_object()) return bad(path, "an object with 'role' and 'content'");
    const json::object& fields = message.get_object();
    for (const auto& field : fields) {
      if (!contains(kMessageFields, field.key())) ++query_.unknown_fields;
    }
    const json::value* role = member(fields, "role");
    if (role == nullptr || !role->is_string() || !contains(kRoles, role->get_string())) {
      return bad(path + ".role", "one of system, developer, user, assistant, tool, function");
    }
    for (const char* name : {"tool_calls", "function_call"}) {
      const json::value* calls = member(fields, name);
      const bool some = calls != nullptr && !(calls->is_array() && calls->get_array().empty());
      if (some) query_.prompt_bytes += serialized_bytes(*calls);
    }
    const json::value* content = member(fields, "content");
    if (content == nullptr) {
      // An assistant's turn may consist of tool calls alone.
      if (role->get_string() == "assistant") return {};
      return bad(path + ".content", "a string or an array of parts");
    }
    if (content->is_string()) {
      query_.prompt_bytes += content->get_string().size();
      return {};
    }
    if (!content->is_array()) return bad(path + ".content", "a string or an array of parts");
    const json::array& parts = content->get_array();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::string part_path = path + ".content[" + std::to_string(i) + "]";
      if (Status status = check_part(parts[i], part_path); !status) return status;
    }
    return {};
  }

  Status check_part(const json::value& part, const std::string& path) {
    const json::value* type = part.is_object() ? member(part.get_object(), "type") : nullptr;
    if (type == nullptr || !type->is_string()) {
      return bad(path, "an object with a string 'type'");
    }
    const std::string_view name = type->get_string();
    if (name == "text") {
      const json::value* text = member(part.get_object(), "text");
      if (text == nullptr || !text->is_string()) return bad(path + ".text", "a string");
      query_.prompt_bytes += text->get_string().size();
    } else if (name == "image_url") {
      query_.has_images = true;
      query_.prompt_bytes += kImageBytes;
    } else if (name != "input_audio" && name != "file" && name != "refusal") {
      ++query_.unknown_fields;
    }
    return {};
  }

  void append_message(const json::value& message) {
    const json::value* content = member(message.get_object(), "content");
    if (content == nullptr) return;
    if (content->is_string()) return append(content->get_string());
    for (const json::value& part : content->get_array()) {
      if (part.get_object().at("type") == "text") append(part.get_object().at("text").get_string());
    }
  }

  void append(std::string_view text) {
    if (text.empty() || query_.text.size() + 1 >= budget_) return;
    if (!query_.text.empty()) query_.text += '\n';
    query_.text += cut_at_character(text, budget_ - query_.text.size());
  }

  const json::object& body_;
  const std::size_t budget_;
  Query query_;
};

/// The body of a request, which must be a JSON object; `wanted` says what it holds.
Result<json::value> parse_body(std::string_view body, std::string_view wanted,
                               json::storage_ptr memory) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code error;
  json::value parsed = json::parse(body, error, std::move(memory), options);
  if (error) {
    if (!is_utf8(body)) {
      return fail(ErrorCode::invalid_argument, "the body is not valid UTF-8; send JSON in UTF-8");
    }
    if (error == json::error::too_deep) {
      return fail(ErrorCode::invalid_argument, "the body is nested more than " +
                                                   std::to_string(kMaxDepth) +
                                                   " levels deep; send a flatter one");
    }
    return fail(ErrorCode::invalid_argument,
                "the body is not valid JSON (" + error.message() + "); send a JSON object");
  }
  if (!parsed.is_object()) {
    return fail(ErrorCode::invalid_argument,
                "the body is JSON but not an object; send an object with " + std::string(wanted));
  }
  return parsed;
}

}  // namespace

Result<Query> parse_query(std::string_view body, std::size_t text_budget_bytes) {
  std::array<unsigned char, 16384> buffer;
  json::monotonic_resource memory(buffer.data(), buffer.size());
  const auto parsed = parse_body(body, "'messages' or 'query'", &memory);
  if (!parsed) return fail(parsed.error());
  return BodyReader(parsed->get_object(), text_budget_bytes).read();
}

Result<Query> parse_messages_query(std::string_view body, std::size_t text_budget_bytes) {
  const auto parsed = parse_body(body, "'messages'", {});
  if (!parsed) return fail(parsed.error());
  const json::object& messages = parsed->get_object();
  const auto chat = messages_to_chat(messages);
  if (!chat) return fail(chat.error());
  auto query = BodyReader(*chat, text_budget_bytes).read();
  if (!query) return query;
  const json::value* tools = member(messages, "tools");
  query->has_tools = tools != nullptr && tools->is_array() && !tools->get_array().empty();
  query->beyond_anthropic.clear();
  query->beyond_openai = beyond_openai(messages);
  return query;
}

Result<Query> parse_passed_query(std::string_view body) {
  const auto parsed = parse_body(body, "'model'", {});
  if (!parsed) return fail(parsed.error());
  BodyReader reader(parsed->get_object(), 0);
  return reader.read_passed(body.size());
}

Query query_from_text(std::string_view text, std::size_t text_budget_bytes) {
  Query query;
  query.text = cut_at_character(text, text_budget_bytes);
  query.prompt_bytes = text.size();
  query.has_code = looks_like_code(query.text);
  return query;
}

}  // namespace yardmaster::env
