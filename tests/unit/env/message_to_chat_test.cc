#include "env/translation/message_to_chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "env/translation/message_events.h"
#include "tests/common/events.h"

namespace yardmaster::env {
namespace {

namespace json = boost::json;
using test::event;
using ::testing::HasSubstr;

std::string message(const std::string& content, const std::string& stop_reason = "end_turn",
                    const std::string& usage = R"({"input_tokens": 3, "output_tokens": 2})") {
  return R"({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-1",
      "content": )" +
         content + R"(, "stop_reason": ")" + stop_reason + R"(", "usage": )" + usage + "}";
}

json::object translate(const std::string& body) {
  const auto chat = message_to_chat(body, 1'700'000'000);
  EXPECT_TRUE(chat) << chat.error().message;
  return chat ? json::parse(*chat).as_object() : json::object();
}

TEST(MessageToChat, TextAndUsage) {
  EXPECT_EQ(translate(message(R"([{"type": "thinking", "thinking": "hm"},
                                  {"type": "text", "text": "Grüße "}, {"type": "text", "text": "🌍"}])",
                              "end_turn",
                              R"({"input_tokens": 3, "cache_read_input_tokens": 100,
                                  "cache_creation_input_tokens": 20, "output_tokens": 2})")),
            json::parse(R"({
      "id": "msg_1", "object": "chat.completion", "created": 1700000000, "model": "claude-1",
      "choices": [{"index": 0, "finish_reason": "stop", "logprobs": null,
                   "message": {"role": "assistant", "content": "Grüße 🌍", "refusal": null}}],
      "usage": {"prompt_tokens": 123, "completion_tokens": 2, "total_tokens": 125,
                "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 20}}})"));
}

TEST(MessageToChat, ToolCallsHaveTheirArgumentsAsAString) {
  const auto chat = translate(message(
      R"([{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": {"b": [0.5, "ü"]}}},
          {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}}])",
      "tool_use"));
  const auto& choice = chat.at("choices").at(0);
  EXPECT_EQ(choice.at("finish_reason"), "tool_calls");
  EXPECT_TRUE(choice.at("message").at("content").is_null());
  const auto& calls = choice.at("message").at("tool_calls").as_array();
  EXPECT_EQ(calls[0].at("id"), "toolu_1");
  EXPECT_EQ(json::parse(calls[0].at("function").at("arguments").as_string()),
            json::parse(R"({"a": {"b": [0.5, "ü"]}})"));
  EXPECT_EQ(calls[1].at("function").at("arguments"), "{}");
}

TEST(MessageToChat, ReasonsOfTheEnd) {
  const std::vector<std::pair<std::string, std::string>> reasons{
      {"end_turn", "stop"},
      {"stop_sequence", "stop"},
      {"max_tokens", "length"},
      {"tool_use", "tool_calls"},
      {"refusal", "content_filter"},
      {"pause_turn", "stop"},
      {"model_context_window_exceeded", "length"}};
  for (const auto& [theirs, ours] : reasons) {
    EXPECT_EQ(translate(message("[]", theirs)).at("choices").at(0).at("finish_reason"),
              json::value(ours));
  }
  EXPECT_EQ(translate(message("[]")).at("choices").at(0).at("message").at("content"), "");
}

TEST(MessageToChat, WhatIsNoMessageFails) {
  EXPECT_FALSE(message_to_chat("[]", 0));
  EXPECT_FALSE(message_to_chat("{}", 0));
  const auto error = message_to_chat(R"({"type": "error", "error": {"message": "full"}})", 0);
  ASSERT_FALSE(error);
  EXPECT_THAT(error.error().message, HasSubstr("full"));
}

TEST(MessageToChat, ErrorsTakeOpenAisShape) {
  EXPECT_EQ(
      json::parse(anthropic_error_to_openai(
          R"({"type": "error", "error": {"type": "authentication_error", "message": "no"}})", 401)),
      json::parse(R"({"error": {"message": "no", "type": "authentication_error",
                                      "param": null, "code": "authentication_error"}})"));
  const auto overloaded = json::parse(anthropic_error_to_openai(
      R"({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})", 529));
  EXPECT_EQ(overloaded.at("error").at("type"), "server_error");
  EXPECT_EQ(overloaded.at("error").at("code"), "overloaded_error");
  EXPECT_EQ(json::parse(anthropic_error_to_openai("<html>", 400)).at("error").at("message"),
            "<html>");
  EXPECT_EQ(json::parse(anthropic_error_to_openai("", 404)).at("error").at("message"), "HTTP 404");
}

const std::string kStart = event("message_start", R"({"type": "message_start", "message": {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-1", "content": [],
    "usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1}}})");
const std::string kText = event(
    "content_block_start",
    R"({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})");
const std::string kEnd =
    event("message_delta", R"({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
        "usage": {"output_tokens": 7}})") +
    event("message_stop", R"({"type": "message_stop"})");

std::string delta(int index, const std::string& json_delta) {
  return event("content_block_delta", R"({"type": "content_block_delta", "index": )" +
                                          std::to_string(index) + R"(, "delta": )" + json_delta +
                                          "}");
}

std::string stop(int index) {
  return event("content_block_stop",
               R"({"type": "content_block_stop", "index": )" + std::to_string(index) + "}");
}

/// The chunks' data, the last of them [DONE] where the stream is whole.
std::vector<std::string> chunks_of(std::string_view events) {
  std::vector<std::string> chunks;
  for (const std::string& each : test::split_events(events)) {
    EXPECT_TRUE(each.starts_with("data: ")) << each;
    chunks.push_back(each.substr(6, each.size() - 8));
  }
  return chunks;
}

json::value choice_of(const std::string& chunk) { return json::parse(chunk).at("choices").at(0); }

TEST(MessageEvents, TextComesPieceByPieceThenTheReasonTheUsageAndTheEnd) {
  MessageEventsToChunks translator(1'700'000'000);
  const std::string ping = event("ping", R"({"type": "ping"})");
  ASSERT_TRUE(translator.take(kStart + ping + kText));
  EXPECT_EQ(translator.ready(), "") << "nothing of the content is there yet";
  ASSERT_TRUE(translator.take(delta(0, R"({"type": "text_delta", "text": "Grü"})")));
  EXPECT_THAT(translator.ready(), HasSubstr("Grü")) << "each piece is passed on as it comes";
  ASSERT_TRUE(
      translator.take(delta(0, R"({"type": "text_delta", "text": "ße"})") + stop(0) + kEnd));
  ASSERT_TRUE(translator.finish());
  const auto chunks = chunks_of(translator.ready());
  ASSERT_EQ(chunks.size(), 5u);
  EXPECT_EQ(json::parse(chunks[0]),
            json::parse(R"({"id": "msg_1", "object": "chat.completion.chunk",
      "created": 1700000000, "model": "claude-1", "choices": [{"index": 0, "finish_reason": null,
      "delta": {"role": "assistant", "content": "Grü"}}]})"));
  EXPECT_EQ(choice_of(chunks[1]).at("delta"), json::parse(R"({"content": "ße"})"));
  EXPECT_EQ(choice_of(chunks[2]),
            json::parse(R"({"index": 0, "delta": {}, "finish_reason": "stop"})"));
  EXPECT_EQ(json::parse(chunks[3]).at("choices"), json::array());
  EXPECT_EQ(json::parse(chunks[3]).at("usage").at("prompt_tokens"), 15);
  EXPECT_EQ(json::parse(chunks[3]).at("usage").at("completion_tokens"), 7);
  EXPECT_EQ(chunks[4], "[DONE]");
}

TEST(MessageEvents, ToolCallsComeWithTheirArgumentsPieceByPiece) {
  MessageEventsToChunks translator(0);
  const auto use = [](int index, const std::string& id) {
    return event("content_block_start", R"({"type": "content_block_start", "index": )" +
                                            std::to_string(index) +
                                            R"(, "content_block": {"type": "tool_use", "id": ")" +
                                            id + R"(", "name": "f", "input": {}}})");
  };
  const std::string stream =
      kStart + kText + delta(0, R"({"type": "text_delta", "text": "Let me see."})") + stop(0) +
      use(1, "a") + delta(1, R"({"type": "input_json_delta", "partial_json": ""})") +
      delta(1, R"({"type": "input_json_delta", "partial_json": "{\"city\": \"Pa"})") +
      delta(1, R"({"type": "input_json_delta", "partial_json": "ris\"}"})") + stop(1) +
      use(2, "b") + delta(2, R"({"type": "input_json_delta", "partial_json": ""})") + stop(2) +
      event("message_delta",
            R"({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}})") +
      event("message_stop", R"({"type": "message_stop"})");
  for (const char byte : stream) ASSERT_TRUE(translator.take({&byte, 1}));
  std::map<std::int64_t, std::string> arguments;
  std::vector<std::string> ids;
  std::string reason;
  for (const std::string& chunk : chunks_of(translator.ready())) {
    if (chunk == "[DONE]" || json::parse(chunk).at("choices").as_array().empty()) continue;
    const auto choice = choice_of(chunk);
    if (choice.at("finish_reason").is_string()) reason = choice.at("finish_reason").as_string();
    const auto* calls = choice.at("delta").as_object().if_contains("tool_calls");
    if (calls == nullptr) continue;
    const auto& call = calls->at(0).as_object();
    if (call.contains("id")) ids.emplace_back(call.at("id").as_string());
    arguments[call.at("index").as_int64()] += call.at("function").at("arguments").as_string();
  }
  EXPECT_THAT(ids, testing::ElementsAre("a", "b"));
  EXPECT_EQ(arguments[0], R"({"city": "Paris"})");
  EXPECT_EQ(arguments[1], "{}") << "a call without arguments has an object of none";
  EXPECT_EQ(reason, "tool_calls");
}

TEST(MessageEvents, AnErrorEventEndsTheStreamInOpenAisShape) {
  const std::string error =
      event("error",
            R"({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})");
  MessageEventsToChunks translator(0);
  ASSERT_TRUE(translator.take(kStart + error + kEnd));
  EXPECT_TRUE(translator.finish());
  const auto chunks = chunks_of(translator.ready());
  ASSERT_EQ(chunks.size(), 1u);
  EXPECT_EQ(json::parse(chunks[0]).at("error").at("message"), "Overloaded");
}

TEST(MessageEvents, AnUnfinishedStreamIsAFailure) {
  MessageEventsToChunks translator(0);
  ASSERT_TRUE(translator.take(kStart + kText + delta(0, R"({"type": "text_delta", "text": "a"})")));
  const Status finished = translator.finish();
  ASSERT_FALSE(finished);
  EXPECT_THAT(finished.error().message, HasSubstr("message_stop"));
}

TEST(MessageEvents, ABrokenEventIsAFailureAndUnknownOnesAreNot) {
  MessageEventsToChunks translator(0);
  ASSERT_TRUE(translator.take(event("new", R"({"type": "new_thing", "index": "x"})") +
                              event("d", R"({"type": "content_block_delta", "delta": [1]})") +
                              ": comment\n\n"));
  EXPECT_FALSE(translator.take("data: {\"type\": \"content_bl\n\n"));
  MessageEventsToChunks bounded(0, 100);
  ASSERT_TRUE(bounded.take("data: " + std::string(200, 'x')));
  EXPECT_FALSE(bounded.take("x"));
}

}  // namespace
}  // namespace yardmaster::env
