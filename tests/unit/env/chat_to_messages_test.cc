#include "env/translation/chat_to_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "env/translation/limits.h"

namespace yardmaster::env {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

json::object translate(const std::string& body, std::uint32_t default_max_tokens = 100) {
  const auto messages = chat_to_messages(body, default_max_tokens);
  EXPECT_TRUE(messages) << messages.error().message;
  return messages ? json::parse(*messages).as_object() : json::object();
}

/// The body of /v1/messages for a chat of these messages, and `more` fields.
json::object with_messages(const std::string& messages, const std::string& more = "") {
  return translate(R"({"model": "claude-x-4-5", "messages": [)" + messages + "]" + more + "}");
}

json::object with(const std::string& more) {
  return with_messages(R"({"role": "user", "content": "hi"})", more);
}

TEST(ChatToMessages, TheSystemStandsApartAndTurnsOfOneRoleAreOne) {
  const auto body = with_messages(R"(
      {"role": "system", "content": "Be brief."},
      {"role": "user", "content": "one"},
      {"role": "user", "name": "ann", "content": [{"type": "text", "text": "two"}]},
      {"role": "developer", "content": [{"type": "text", "text": "And kind."}]},
      {"role": "assistant", "content": "three"},
      {"role": "user", "content": "four"})");
  EXPECT_EQ(body, json::parse(R"({
      "model": "claude-x-4-5", "max_tokens": 100,
      "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "And kind."}],
      "messages": [
        {"role": "user", "content": [{"type": "text", "text": "one"},
                                     {"type": "text", "text": "two"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "three"}]},
        {"role": "user", "content": [{"type": "text", "text": "four"}]}]})"));
}

TEST(ChatToMessages, CallsOfToolsAndTheirResultsBecomeBlocks) {
  const auto body = with_messages(R"(
      {"role": "user", "content": "Weather in Paris and Rome?"},
      {"role": "assistant", "content": null, "tool_calls": [
        {"id": "call_1", "type": "function",
         "function": {"name": "weather", "arguments": "{\"city\": \"Paris\", \"deep\": {\"a\": [1]}}"}},
        {"id": "functions.weather:1", "type": "function",
         "function": {"name": "weather", "arguments": "{\"city\": \"Rome\"}"}}]},
      {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
      {"role": "tool", "tool_call_id": "functions.weather:1",
       "content": [{"type": "text", "text": "{\"sky\": {\"clouds\": []}}"}]},
      {"role": "user", "content": "So?"})",
                                  R"(, "tools": [{"type": "function", "function": {
        "name": "weather", "description": "Tells it", "strict": true,
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}},
        {"type": "function", "function": {"name": "now"}}])");
  EXPECT_EQ(body.at("messages"), json::parse(R"([
      {"role": "user", "content": [{"type": "text", "text": "Weather in Paris and Rome?"}]},
      {"role": "assistant", "content": [
        {"type": "tool_use", "id": "call_1", "name": "weather",
         "input": {"city": "Paris", "deep": {"a": [1]}}},
        {"type": "tool_use", "id": "functions_weather_1", "name": "weather",
         "input": {"city": "Rome"}}]},
      {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "call_1",
         "content": [{"type": "text", "text": "sunny"}]},
        {"type": "tool_result", "tool_use_id": "functions_weather_1",
         "content": [{"type": "text", "text": "{\"sky\": {\"clouds\": []}}"}]},
        {"type": "text", "text": "So?"}]}])"));
  EXPECT_EQ(body.at("tools"), json::parse(R"([
      {"name": "weather", "description": "Tells it",
       "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}},
      {"name": "now", "input_schema": {"type": "object", "properties": {}}}])"));
  EXPECT_FALSE(body.contains("tool_choice"));
}

TEST(ChatToMessages, ArgumentsThatAreNoObjectStillArrive) {
  const auto body = with_messages(R"(
      {"role": "user", "content": "hi"},
      {"role": "assistant", "tool_calls": [
        {"id": "1", "function": {"name": "f", "arguments": ""}},
        {"id": "2", "function": {"name": "f", "arguments": "{\"a\": "}},
        {"id": "3", "function": {"name": "f", "arguments": "[1]"}}]})");
  const auto& blocks = body.at("messages").at(1).at("content").as_array();
  EXPECT_EQ(blocks[0].at("input"), json::object());
  EXPECT_EQ(blocks[1].at("input"), json::parse(R"({"arguments": "{\"a\": "})"));
  EXPECT_EQ(blocks[2].at("input"), json::parse(R"({"arguments": "[1]"})"));
}

TEST(ChatToMessages, ToolsOfTheConversationAreDeclaredEvenIfNoneMayBeCalledAnyMore) {
  const auto body = with_messages(R"(
      {"role": "user", "content": "hi"},
      {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": ""}}]},
      {"role": "tool", "tool_call_id": "1", "content": ""})");
  EXPECT_EQ(body.at("tools").at(0).at("name").as_string(), "f");
  EXPECT_EQ(body.at("tool_choice"), json::parse(R"({"type": "none"})"));
  EXPECT_EQ(body.at("messages").at(2).at("content").at(0),
            json::parse(R"({"type": "tool_result", "tool_use_id": "1"})"));
}

TEST(ChatToMessages, TheChoiceOfToolsIsTranslated) {
  const std::string tools = R"(, "tools": [{"type": "function", "function": {"name": "f"}}])";
  const auto choice = [&](const std::string& more) {
    const auto body = with(tools + more);
    return body.contains("tool_choice") ? json::serialize(body.at("tool_choice")) : "";
  };
  EXPECT_EQ(choice(""), "");
  EXPECT_EQ(choice(R"(, "tool_choice": "auto")"), R"({"type":"auto"})");
  EXPECT_EQ(choice(R"(, "tool_choice": "required")"), R"({"type":"any"})");
  EXPECT_EQ(choice(R"(, "tool_choice": "none", "parallel_tool_calls": false)"),
            R"({"type":"none"})");
  EXPECT_EQ(choice(R"(, "tool_choice": {"type": "function", "function": {"name": "f"}})"),
            R"({"type":"tool","name":"f"})");
  EXPECT_EQ(choice(R"(, "parallel_tool_calls": false)"),
            R"({"type":"auto","disable_parallel_tool_use":true})");
  EXPECT_EQ(choice(R"(, "parallel_tool_calls": true)"), "");
  EXPECT_FALSE(with(R"(, "tool_choice": "required")").contains("tool_choice"));
}

TEST(ChatToMessages, ImagesAndDocumentsComeAsDataOrByUrl) {
  const auto body = with_messages(R"({"role": "user", "content": [
      {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,AAAA", "detail": "low"}},
      {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
      {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"}},
      {"type": "text", "text": "what?", "cache_control": {"type": "ephemeral"}}]})");
  EXPECT_EQ(body.at("messages").at(0).at("content"), json::parse(R"([
      {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}},
      {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
      {"type": "document",
       "source": {"type": "base64", "media_type": "application/pdf", "data": "BBBB"}},
      {"type": "text", "text": "what?", "cache_control": {"type": "ephemeral"}}])"));
}

TEST(ChatToMessages, MaxTokensIsRequiredSoThereIsADefault) {
  EXPECT_EQ(with("").at("max_tokens"), 100);
  EXPECT_EQ(with(R"(, "max_tokens": 7)").at("max_tokens"), 7);
  EXPECT_EQ(with(R"(, "max_tokens": 7, "max_completion_tokens": 8)").at("max_tokens"), 8);
  EXPECT_EQ(with(R"(, "max_completion_tokens": null)").at("max_tokens"), 100);
}

TEST(ChatToMessages, SamplingIsClippedAndLeftOutForModelsThatRefuseIt) {
  EXPECT_EQ(with(R"(, "temperature": 1.7)").at("temperature"), 1);
  EXPECT_EQ(with(R"(, "temperature": 0.25)").at("temperature"), 0.25);
  const auto both = with(R"(, "temperature": 0.5, "top_p": 0.9)");
  EXPECT_EQ(both.at("temperature"), 0.5);
  EXPECT_FALSE(both.contains("top_p"));
  EXPECT_EQ(with(R"(, "top_p": 0.9)").at("top_p"), 0.9);
  const auto refused = translate(
      R"({"model": "claude-opus-5", "temperature": 0, "top_p": 1, "messages": [
          {"role": "user", "content": "hi"}]})");
  EXPECT_FALSE(refused.contains("temperature"));
  EXPECT_FALSE(refused.contains("top_p"));
}

TEST(ChatToMessages, WhichModelsTakeSamplingIsReadFromTheirNames) {
  for (const char* name :
       {"claude-3-5-sonnet-20241022", "claude-2.1", "claude-opus-4-20250514", "claude-opus-4-6",
        "claude-sonnet-4-5-20250929", "anthropic/claude-haiku-4.5", "my-model", ""}) {
    EXPECT_TRUE(takes_sampling(name)) << name;
  }
  for (const char* name : {"claude-opus-4-7", "claude-opus-4.8", "claude-sonnet-5",
                           "claude-haiku-5-5-20261001", "claude-mythos-preview"}) {
    EXPECT_FALSE(takes_sampling(name)) << name;
  }
}

TEST(ChatToMessages, StopUserAndStreamAreTranslatedAndTheRestIsDropped) {
  const auto body = with(R"(, "stop": ["END", "\n", ""], "user": "ann", "stream": true,
      "stream_options": {"include_usage": true}, "seed": 7, "frequency_penalty": 1,
      "reasoning_effort": "low", "made_up": {"x": 1}, "n": 1)");
  EXPECT_EQ(body, json::parse(R"({
      "model": "claude-x-4-5", "max_tokens": 100, "stop_sequences": ["END"], "stream": true,
      "metadata": {"user_id": "ann"},
      "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]})"));
  EXPECT_EQ(with(R"(, "stop": "END")").at("stop_sequences"), json::parse(R"(["END"])"));
}

TEST(ChatToMessages, JsonIsAskedForByItsSchemaOrInWords) {
  const auto by_schema = with(R"(, "response_format": {"type": "json_schema", "json_schema": {
      "name": "city", "strict": true, "schema": {"type": "object", "additionalProperties": false}}})");
  EXPECT_EQ(by_schema.at("output_config"), json::parse(R"({"format": {"type": "json_schema",
      "schema": {"type": "object", "additionalProperties": false}}})"));
  EXPECT_FALSE(by_schema.contains("system"));
  const auto in_words = with(R"(, "response_format": {"type": "json_object"})");
  EXPECT_THAT(json::serialize(in_words.at("system")), HasSubstr("one JSON object"));
  EXPECT_FALSE(with(R"(, "response_format": {"type": "text"})").contains("system"));
}

TEST(ChatToMessages, EmptyContentIsLeftOut) {
  const auto body = with_messages(R"(
      {"role": "user", "content": "hi"},
      {"role": "assistant", "content": ""},
      {"role": "user", "content": [{"type": "text", "text": " \n"}, {"type": "text", "text": "?"}]},
      {"role": "assistant", "content": "So \n"})");
  EXPECT_EQ(body.at("messages"), json::parse(R"([
      {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "?"}]},
      {"role": "assistant", "content": [{"type": "text", "text": "So"}]}])"));
  const auto nothing = chat_to_messages(R"({"messages": [{"role": "user", "content": ""}]})", 1);
  ASSERT_FALSE(nothing);
  EXPECT_THAT(nothing.error().message, HasSubstr("every message is empty"));
}

TEST(ChatToMessages, AUsersTurnComesFirst) {
  EXPECT_EQ(
      with_messages(R"({"role": "system", "content": "Tell a joke."})").at("messages"),
      json::parse(R"([{"role": "user", "content": [{"type": "text", "text": "Tell a joke."}]}])"));
  const auto greeted = with_messages(R"({"role": "assistant", "content": "Hello!"},
                                        {"role": "user", "content": "hi"})");
  EXPECT_EQ(greeted.at("messages").at(0).at("role").as_string(), "user");
  EXPECT_EQ(greeted.at("messages").at(1).at("role").as_string(), "assistant");
}

TEST(ChatToMessages, UnicodeComesThrough) {
  const std::string text = "Grüße 🌍 \xe2\x80\xa8 \\u0000 \"quoted\"";
  const json::object chat{
      {"model", "m"}, {"messages", json::array{json::object{{"role", "user"}, {"content", text}}}}};
  EXPECT_EQ(translate(json::serialize(chat)).at("messages").at(0).at("content").at(0).at("text"),
            json::value(text));
}

TEST(BeyondAnthropic, WhatCannotBeTranslatedIsNamed) {
  const auto beyond = [](const std::string& more, const std::string& message = "{}") {
    return beyond_anthropic(
        json::parse("{\"messages\": [" + message + "]" + more + "}").as_object());
  };
  EXPECT_EQ(beyond(R"(, "n": 1, "logprobs": false, "seed": 3, "logit_bias": {})"), "");
  EXPECT_EQ(beyond(R"(, "n": 2)"), "n > 1");
  EXPECT_EQ(beyond(R"(, "logprobs": true)"), "logprobs");
  EXPECT_EQ(beyond(R"(, "modalities": ["text", "audio"])"), "audio");
  EXPECT_EQ(beyond(R"(, "logit_bias": {"50256": -100})"), "logit_bias");
  EXPECT_EQ(beyond(R"(, "tools": [{"type": "custom", "custom": {"name": "x"}}])"), "custom tools");
  EXPECT_EQ(beyond(R"(, "functions": [{"name": "x"}])"), "functions (use tools)");
  EXPECT_EQ(beyond(R"(, "tool_choice": {"type": "allowed_tools"})"),
            "tool_choice by other than a function's name");
  EXPECT_EQ(beyond("", R"({"content": [{"type": "input_audio", "input_audio": {}}]})"), "audio");
  EXPECT_EQ(beyond("", R"({"content": [{"type": "image_url", "image_url": {"url": "gs://x"}}]})"),
            "images by other than http and data URLs");
  EXPECT_EQ(beyond("", R"({"content": [{"type": "file", "file": {"file_id": "x"}}]})"),
            "files other than PDFs in file_data");
}

}  // namespace
}  // namespace yardmaster::env
