#include "env/translation/chunk_events.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "base/json_text.h"
#include "env/translation/chat_content.h"
#include "env/translation/chat_to_message.h"
#include "env/translation/json_access.h"
#include "env/usage.h"

namespace yardmaster::env {

namespace json = boost::json;

namespace {

constexpr std::string_view kEnd = "[DONE]";
constexpr unsigned kInternalError = 500;

}  // namespace

Status ChunksToMessageEvents::take_data(std::string_view data) {
  if (data == kEnd) {
    if (!started_) return fail(ErrorCode::io, "the stream ended before its first chunk");
    end_message();
    return {};
  }
  const auto chunk = parse_answer(data);
  if (!chunk) return fail(ErrorCode::io, "a chunk of the stream is no JSON object");
  if (const auto error = error_in(*chunk)) {
    ready_ += "event: error\ndata: " + anthropic_error(*error, kInternalError) + "\n\n";
    end();
    return {};
  }
  if (!started_) start_message(*chunk);
  if (const json::object* usage = object_in(*chunk, "usage")) usage_ = *usage;
  const json::array& choices = list_in(*chunk, "choices");
  const json::object* choice = choices.empty() ? nullptr : choices.front().if_object();
  if (choice == nullptr) return {};
  if (const json::object* delta = object_in(*choice, "delta")) {
    for (const char* name : {"content", "refusal"}) add_text(text_in(*delta, name));
    for (const json::value& call : list_in(*delta, "tool_calls")) {
      if (call.is_object()) add_call(call.get_object());
    }
  }
  if (const auto reason = text_in(*choice, "finish_reason"); !reason.empty()) {
    finish_reason_ = reason;
  }
  return {};
}

Status ChunksToMessageEvents::finish() {
  if (ended()) return {};
  if (finish_reason_.empty()) {
    return fail(ErrorCode::io, "the stream ended before its last chunk; try again");
  }
  end_message();
  return {};
}

void ChunksToMessageEvents::start_message(const json::object& chunk) {
  started_ = true;
  write("message_start", {{"message",
                           {{"id", text_in(chunk, "id")},
                            {"type", "message"},
                            {"role", "assistant"},
                            {"model", text_in(chunk, "model")},
                            {"content", json::array()},
                            {"stop_reason", nullptr},
                            {"stop_sequence", nullptr},
                            {"usage", {{"input_tokens", 0}, {"output_tokens", 0}}}}}});
}

void ChunksToMessageEvents::add_text(std::string_view text) {
  if (text.empty()) return;
  if (!text_open_) {
    start_block({{"type", "text"}, {"text", ""}});
    text_open_ = true;
  }
  write_delta(blocks_ - 1, {{"type", "text_delta"}, {"text", text}});
}

/// Servers that give all calls one index, or none, tell a new one by its id.
void ChunksToMessageEvents::add_call(const json::object& call) {
  const json::value* index = member(call, "index");
  boost::system::error_code inexact;
  const std::int64_t key = index != nullptr ? index->to_number<std::int64_t>(inexact) : 0;
  const std::string_view id = text_in(call, "id");
  const auto known = calls_.find(key);
  const bool is_new = known == calls_.end() || (!id.empty() && id != known->second.id);
  const std::uint64_t block = is_new ? start_call(key, call) : known->second.block;
  const json::object* function = object_in(call, "function");
  const std::string_view arguments = function != nullptr ? text_in(*function, "arguments") : "";
  if (arguments.empty()) return;
  write_delta(block, {{"type", "input_json_delta"}, {"partial_json", arguments}});
}

std::uint64_t ChunksToMessageEvents::start_call(std::int64_t key, const json::object& call) {
  const json::object* function = object_in(call, "function");
  const std::string_view id = text_in(call, "id");
  const std::string name(function != nullptr ? text_in(*function, "name") : "");
  start_block({{"type", "tool_use"},
               {"id", id.empty() ? "call_" + std::to_string(blocks_) : tool_id(id)},
               {"name", name},
               {"input", json::object()}});
  calls_[key] = {blocks_ - 1, std::string(id)};
  return blocks_ - 1;
}

void ChunksToMessageEvents::start_block(json::object block) {
  stop_block();
  write("content_block_start", {{"index", blocks_}, {"content_block", std::move(block)}});
  ++blocks_;
  block_open_ = true;
}

void ChunksToMessageEvents::stop_block() {
  if (block_open_) write("content_block_stop", {{"index", blocks_ - 1}});
  block_open_ = false;
  text_open_ = false;
}

void ChunksToMessageEvents::write_delta(std::uint64_t block, json::object delta) {
  write("content_block_delta", {{"index", block}, {"delta", std::move(delta)}});
}

void ChunksToMessageEvents::end_message() {
  stop_block();
  std::string_view reason = stop_reason_of(finish_reason_);
  if (!calls_.empty() && reason == "end_turn") reason = "tool_use";
  write("message_delta", {{"delta", {{"stop_reason", reason}, {"stop_sequence", nullptr}}},
                          {"usage", message_usage(usage_)}});
  write("message_stop", {});
  end();
}

void ChunksToMessageEvents::write(std::string_view name, json::object data) {
  json::object typed{{"type", name}};
  for (auto& [key, value] : data) typed[key] = std::move(value);
  ready_.append("event: ").append(name).append("\ndata: ").append(to_json(typed)).append("\n\n");
}

}  // namespace yardmaster::env
