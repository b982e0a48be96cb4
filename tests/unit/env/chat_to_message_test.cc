#include "env/translation/chat_to_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "env/translation/chunk_events.h"
#include "env/translation/message_events.h"
#include "tests/common/events.h"

namespace yardmaster::env {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

json::object translate(const std::string& message, const std::string& finish_reason) {
  const auto out = chat_to_message(R"({"id": "c1", "model": "gpt", "choices": [{"index": 0,
      "message": )" + message + R"(, "finish_reason": ")" +
                                   finish_reason + R"("}], "usage": {"prompt_tokens": 10,
      "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 6}}})");
  EXPECT_TRUE(out) << out.error().message;
  return out ? json::parse(*out).as_object() : json::object();
}

TEST(ChatToMessage, TextAndUsage) {
  EXPECT_EQ(translate(R"({"role": "assistant", "content": "Grüße 🌍"})", "stop"),
            json::parse(R"({"id": "c1", "type": "message", "role": "assistant", "model": "gpt",
      "content": [{"type": "text", "text": "Grüße 🌍"}], "stop_reason": "end_turn",
      "stop_sequence": null, "usage": {"input_tokens": 4, "cache_creation_input_tokens": 0,
      "cache_read_input_tokens": 6, "output_tokens": 4}})"));
}

TEST(ChatToMessage, ToolCallsRefusalsAndEmptyContent) {
  const auto calls = translate(R"({"content": null, "tool_calls": [
      {"id": "call.1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": [1]}"}},
      {"id": "call2", "type": "function", "function": {"name": "g", "arguments": ""}}]})",
                               "stop");
  EXPECT_EQ(calls.at("content"), json::parse(R"([
      {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": [1]}},
      {"type": "tool_use", "id": "call2", "name": "g", "input": {}}])"));
  EXPECT_EQ(calls.at("stop_reason"), "tool_use") << "some servers say stop";
  const auto refusal = translate(R"({"content": null, "refusal": "No."})", "content_filter");
  EXPECT_EQ(refusal.at("content").at(0).at("text"), "No.");
  EXPECT_EQ(refusal.at("stop_reason"), "refusal");
  EXPECT_EQ(translate(R"({"content": ""})", "length").at("content"), json::array());
  EXPECT_EQ(translate(R"({"content": ""})", "length").at("stop_reason"), "max_tokens");
}

TEST(ChatToMessage, WhatIsNoCompletionFails) {
  EXPECT_FALSE(chat_to_message("no"));
  EXPECT_FALSE(chat_to_message(R"({"choices": []})"));
  EXPECT_FALSE(chat_to_message(R"({"error": "full"})"));
}

TEST(ChatToMessage, ErrorsTakeAnthropicsShapeOnce) {
  const std::string translated =
      openai_error_to_anthropic(R"({"error": {"message": "no", "type": "x", "code": null}})", 429);
  EXPECT_EQ(json::parse(translated), json::parse(R"({"type": "error",
      "error": {"type": "rate_limit_error", "message": "no"}})"));
  EXPECT_EQ(openai_error_to_anthropic(translated, 429), translated);
  const std::vector<std::pair<unsigned, std::string>> types{{400, "invalid_request_error"},
                                                            {401, "authentication_error"},
                                                            {402, "billing_error"},
                                                            {403, "permission_error"},
                                                            {404, "not_found_error"},
                                                            {413, "request_too_large"},
                                                            {500, "api_error"},
                                                            {502, "api_error"},
                                                            {503, "overloaded_error"},
                                                            {504, "timeout_error"},
                                                            {529, "overloaded_error"}};
  for (const auto& [status, type] : types) {
    EXPECT_EQ(json::parse(openai_error_to_anthropic("", status)).at("error").at("type"),
              json::value(type));
  }
}

std::string chunk_of(const std::string& choice, const std::string& more = "") {
  return R"(data: {"id":"c1","model":"gpt","choices":[)" + choice + "]" + more + "}\n\n";
}

std::string delta_chunk(const std::string& delta) {
  return chunk_of(R"({"index":0,"delta":)" + delta + R"(,"finish_reason":null})");
}

std::string end_chunk(const std::string& reason) {
  return chunk_of(R"({"index":0,"delta":{},"finish_reason":")" + reason + R"("})") +
         chunk_of("", R"(,"usage":{"prompt_tokens":10,"completion_tokens":4})") +
         "data: [DONE]\n\n";
}

/// Each event's data, whose type must be its name.
std::vector<json::object> events_of(std::string_view stream) {
  std::vector<json::object> events;
  for (const std::string& each : test::split_events(stream)) {
    const std::size_t data = each.find("data: ");
    events.push_back(json::parse(each.substr(data + 6)).as_object());
    EXPECT_EQ("event: " + std::string(events.back().at("type").as_string()) + "\n",
              each.substr(0, data));
  }
  return events;
}

std::vector<std::string> types_of(const std::vector<json::object>& events) {
  std::vector<std::string> types;
  for (const auto& each : events) types.emplace_back(each.at("type").as_string());
  return types;
}

TEST(ChunkEvents, TextComesPieceByPieceInOneBlock) {
  ChunksToMessageEvents translator;
  ASSERT_TRUE(translator.take(delta_chunk(R"({"role":"assistant","content":""})") +
                              delta_chunk(R"({"content":"Grü"})")));
  EXPECT_THAT(translator.ready(), HasSubstr("Grü")) << "each piece is passed on as it comes";
  ASSERT_TRUE(translator.take(delta_chunk(R"({"content":"ße"})") + end_chunk("length")));
  ASSERT_TRUE(translator.finish());
  const auto events = events_of(translator.ready());
  EXPECT_THAT(types_of(events), ElementsAre("message_start", "content_block_start",
                                            "content_block_delta", "content_block_delta",
                                            "content_block_stop", "message_delta", "message_stop"));
  EXPECT_EQ(events[0].at("message").at("id"), "c1");
  EXPECT_EQ(events[3], json::parse(R"({"type": "content_block_delta", "index": 0,
                                       "delta": {"type": "text_delta", "text": "ße"}})"));
  EXPECT_EQ(events[5].at("delta").at("stop_reason"), "max_tokens");
  EXPECT_EQ(events[5].at("usage").at("output_tokens"), 4);
  EXPECT_EQ(events[5].at("usage").at("input_tokens"), 10);
}

TEST(ChunkEvents, EachToolCallHasItsBlockAlsoWhereAllHaveOneIndex) {
  for (const bool one_index : {false, true}) {
    ChunksToMessageEvents translator;
    const std::string second = one_index ? "0" : "1";
    const std::string stream =
        delta_chunk(R"({"content":"Let me see."})") +
        delta_chunk(
            R"({"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]})") +
        delta_chunk(R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}}]})") +
        delta_chunk(R"({"tool_calls":[{"index":0,"function":{"arguments":"1}"}}]})") +
        delta_chunk(R"({"tool_calls":[{"index":)" + second +
                    R"(,"id":"b","function":{"name":"g","arguments":"{}"}}]})") +
        end_chunk("tool_calls");
    for (const char byte : stream) ASSERT_TRUE(translator.take({&byte, 1}));
    const auto events = events_of(translator.ready());
    std::map<std::int64_t, std::string> inputs;
    std::vector<std::string> started;
    for (const auto& each : events) {
      if (each.at("type") == "content_block_start") {
        started.emplace_back(each.at("content_block").at("type").as_string());
      }
      if (each.at("type") == "content_block_delta" &&
          each.at("delta").at("type") == "input_json_delta") {
        inputs[each.at("index").as_int64()] += each.at("delta").at("partial_json").as_string();
      }
    }
    EXPECT_THAT(started, ElementsAre("text", "tool_use", "tool_use"));
    EXPECT_EQ(inputs[1], "{\"x\":1}");
    EXPECT_EQ(inputs[2], "{}");
    EXPECT_EQ(events[events.size() - 2].at("delta").at("stop_reason"), "tool_use");
  }
}

TEST(ChunkEvents, AnErrorAnUnfinishedStreamAndABrokenChunk) {
  ChunksToMessageEvents failed;
  ASSERT_TRUE(failed.take("data: {\"error\":{\"message\":\"full\"}}\n\n"));
  EXPECT_TRUE(failed.finish());
  EXPECT_EQ(events_of(failed.ready()).at(0).at("error").at("message"), "full");
  ChunksToMessageEvents unfinished;
  ASSERT_TRUE(unfinished.take(delta_chunk(R"({"content":"a"})")));
  EXPECT_FALSE(unfinished.finish());
  ChunksToMessageEvents without_done;
  ASSERT_TRUE(without_done.take(chunk_of(R"({"delta":{"content":"a"},"finish_reason":"stop"})")));
  EXPECT_TRUE(without_done.finish());
  EXPECT_THAT(without_done.ready(), HasSubstr("message_stop"));
  ChunksToMessageEvents broken;
  EXPECT_FALSE(broken.take("data: {\"id\n\n"));
  ChunksToMessageEvents empty;
  EXPECT_FALSE(empty.take("data: [DONE]\n\n"));
}

TEST(ChunkEvents, ThereAndBackIsTheSameText) {
  ChunksToMessageEvents there;
  ASSERT_TRUE(there.take(delta_chunk(R"({"content":"Grüße "})") +
                         delta_chunk(R"({"content":"🌍"})") + end_chunk("stop")));
  MessageEventsToChunks back(0);
  ASSERT_TRUE(back.take(there.ready()));
  ASSERT_TRUE(back.finish());
  EXPECT_THAT(back.ready(), HasSubstr(R"("content":"Grüße ")"));
  EXPECT_THAT(back.ready(), HasSubstr("🌍"));
  EXPECT_THAT(back.ready(), HasSubstr(R"("completion_tokens":4)"));
}

}  // namespace
}  // namespace yardmaster::env
