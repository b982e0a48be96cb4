#include "env/translation/message_events.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "base/json_text.h"
#include "env/translation/json_access.h"
#include "env/translation/message_to_chat.h"
#include "env/usage.h"

namespace yardmaster::env {

namespace json = boost::json;

namespace {

std::uint64_t index_of(const json::object& event) { return count_in(event, "index").value_or(0); }

}  // namespace

Status MessageEventsToChunks::take_data(std::string_view data) {
  const auto event = parse_answer(data);
  if (!event) return fail(ErrorCode::io, "an event of the stream is no JSON object");
  const std::string_view type = text_in(*event, "type");
  static const json::object kNone;
  const auto part = [&](std::string_view name) -> const json::object& {
    const json::object* object = object_in(*event, name);
    return object != nullptr ? *object : kNone;
  };
  if (type == "message_start") {
    start_message(part("message"));
  } else if (type == "content_block_start") {
    start_block(index_of(*event), part("content_block"));
  } else if (type == "content_block_delta") {
    add_delta(index_of(*event), part("delta"));
  } else if (type == "content_block_stop") {
    stop_block(index_of(*event));
  } else if (type == "message_delta") {
    if (const auto reason = text_in(part("delta"), "stop_reason"); !reason.empty()) {
      stop_reason_ = reason;
    }
    add_usage(part("usage"));
  } else if (type == "message_stop") {
    end_message();
  } else if (type == "error") {
    write(openai_error(part("error")));
    end();
  }
  return {};
}

Status MessageEventsToChunks::finish() {
  if (ended()) return {};
  return fail(ErrorCode::io, "the stream ended before its message_stop; try again");
}

void MessageEventsToChunks::start_message(const json::object& message) {
  id_ = text_in(message, "id");
  model_ = text_in(message, "model");
  if (const json::object* usage = object_in(message, "usage")) add_usage(*usage);
}

void MessageEventsToChunks::start_block(std::uint64_t index, const json::object& block) {
  const std::string_view type = text_in(block, "type");
  if (type == "text" && !text_in(block, "text").empty()) {
    write_delta({{"content", text_in(block, "text")}});
  }
  if (type != "tool_use") return;
  Call& call = calls_[index];
  call.index = calls_.size() - 1;
  json::array calls;
  calls.push_back(
      json::object{{"index", call.index},
                   {"id", text_in(block, "id")},
                   {"type", "function"},
                   {"function", {{"name", text_in(block, "name")}, {"arguments", ""}}}});
  write_delta({{"tool_calls", std::move(calls)}});
  const json::object* input = object_in(block, "input");
  if (input != nullptr && !input->empty()) add_arguments(call, to_json(*input));
}

void MessageEventsToChunks::add_delta(std::uint64_t index, const json::object& delta) {
  const std::string_view type = text_in(delta, "type");
  if (type == "text_delta") {
    write_delta({{"content", text_in(delta, "text")}});
  } else if (type == "input_json_delta") {
    const auto call = calls_.find(index);
    if (call != calls_.end()) add_arguments(call->second, text_in(delta, "partial_json"));
  }
}

/// A call without arguments has no deltas that say anything, but its arguments are an object.
void MessageEventsToChunks::stop_block(std::uint64_t index) {
  const auto call = calls_.find(index);
  if (call != calls_.end() && !call->second.has_arguments) add_arguments(call->second, "{}");
}

void MessageEventsToChunks::add_arguments(Call& call, std::string_view text) {
  if (text.empty()) return;
  call.has_arguments = true;
  json::array calls;
  calls.push_back(json::object{{"index", call.index}, {"function", {{"arguments", text}}}});
  write_delta({{"tool_calls", std::move(calls)}});
}

void MessageEventsToChunks::end_message() {
  write_delta({}, finish_reason_of(stop_reason_));
  if (!usage_.empty()) {
    const json::object usage = chat_usage(usage_);
    write_chunk({}, &usage);
  }
  ready_ += "data: [DONE]\n\n";
  end();
}

/// Counts are cumulative; the last event may leave those out that have not changed.
void MessageEventsToChunks::add_usage(const json::object& usage) {
  for (const auto& [name, value] : usage) {
    if (value.is_number()) usage_[name] = value;
  }
}

void MessageEventsToChunks::write_delta(json::object delta, std::string_view finish_reason) {
  if (!role_written_) {
    role_written_ = true;
    delta["role"] = "assistant";
    if (!delta.contains("content"))
      delta["content"] = delta.contains("tool_calls") ? json::value(nullptr) : json::value("");
  }
  json::object choice{{"index", 0}, {"delta", std::move(delta)}, {"finish_reason", nullptr}};
  if (!finish_reason.empty()) choice["finish_reason"] = finish_reason;
  json::array choices;
  choices.push_back(std::move(choice));
  write_chunk(std::move(choices), nullptr);
}

void MessageEventsToChunks::write_chunk(json::array choices, const json::object* usage) {
  json::object chunk{{"id", id_},
                     {"object", "chat.completion.chunk"},
                     {"created", created_},
                     {"model", model_},
                     {"choices", std::move(choices)}};
  if (usage != nullptr) chunk["usage"] = *usage;
  write(chunk);
}

void MessageEventsToChunks::write(const json::object& data) {
  ready_ += "data: ";
  ready_ += to_json(data);
  ready_ += "\n\n";
}

}  // namespace yardmaster::env
