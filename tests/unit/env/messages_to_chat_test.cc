#include "env/translation/messages_to_chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "env/query.h"
#include "env/translation/limits.h"

namespace yardmaster::env {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;

json::object translate(const std::string& body, ChatDialect dialect = {}) {
  const auto chat = messages_to_chat(std::string_view(body), dialect);
  EXPECT_TRUE(chat) << chat.error().message;
  if (!chat) return {};
  EXPECT_TRUE(parse_query(*chat)) << *chat << " must be a chat";
  return json::parse(*chat).as_object();
}

json::object with_messages(const std::string& messages, const std::string& more = "") {
  return translate(R"({"model": "m", "max_tokens": 9, "messages": [)" + messages + "]" + more +
                   "}");
}

json::object with(const std::string& more) {
  return with_messages(R"({"role": "user", "content": "hi"})", more);
}

TEST(MessagesToChat, SystemTextAndTurns) {
  EXPECT_EQ(with_messages(R"(
      {"role": "user", "content": "Grüße 🌍"},
      {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "x"},
        {"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
      {"role": "user", "content": [{"type": "text", "text": "c", "cache_control": {"type": "ephemeral"}}]})",
                          R"(, "system": [{"type": "text", "text": "Be brief."},
                                          {"type": "text", "text": "And kind."}])"),
            json::parse(R"({"model": "m", "max_tokens": 9, "messages": [
      {"role": "system", "content": "Be brief.\n\nAnd kind."},
      {"role": "user", "content": "Grüße 🌍"},
      {"role": "assistant", "content": "ab"},
      {"role": "user", "content": "c"}]})"));
}

TEST(MessagesToChat, ToolsAndNestedResults) {
  const auto chat = with_messages(R"(
      {"role": "user", "content": "go"},
      {"role": "assistant", "content": [
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"deep": {"list": [1, null]}}},
        {"type": "tool_use", "id": "toolu_2", "name": "look", "input": {}}]},
      {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [
          {"type": "text", "text": "one"}, {"type": "text", "text": "two"},
          {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]},
        {"type": "tool_result", "tool_use_id": "toolu_2", "is_error": true},
        {"type": "text", "text": "well?"}]})",
                                  R"(, "tools": [{"name": "look", "description": "Looks",
        "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true})");
  EXPECT_EQ(chat.at("messages"), json::parse(R"([
      {"role": "user", "content": "go"},
      {"role": "assistant", "content": null, "tool_calls": [
        {"id": "toolu_1", "type": "function",
         "function": {"name": "look", "arguments": "{\"deep\":{\"list\":[1,null]}}"}},
        {"id": "toolu_2", "type": "function", "function": {"name": "look", "arguments": "{}"}}]},
      {"role": "tool", "tool_call_id": "toolu_1", "content": "one\ntwo"},
      {"role": "tool", "tool_call_id": "toolu_2", "content": "error"},
      {"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "text", "text": "well?"}]}])"));
  EXPECT_EQ(chat.at("tools"), json::parse(R"([{"type": "function", "function": {
      "name": "look", "description": "Looks", "parameters": {"type": "object"}}}])"));
  EXPECT_EQ(chat.at("tool_choice"), "required");
  EXPECT_EQ(chat.at("parallel_tool_calls"), false);
}

TEST(MessagesToChat, ImagesAndDocuments) {
  EXPECT_EQ(with_messages(R"({"role": "user", "content": [
      {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
      {"type": "document", "title": "T", "source":
        {"type": "base64", "media_type": "application/pdf", "data": "BBBB"}},
      {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "plain"}},
      {"type": "search_result", "title": "S", "source": "x",
       "content": [{"type": "text", "text": "found"}]}]})")
                .at("messages")
                .at(0)
                .at("content"),
            json::parse(R"([
      {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
      {"type": "file", "file": {"filename": "T", "file_data": "data:application/pdf;base64,BBBB"}},
      {"type": "text", "text": "plain"},
      {"type": "text", "text": "S\nfound"}])"));
}

TEST(MessagesToChat, ParametersAreTranslatedAndOthersDropped) {
  EXPECT_EQ(with(R"(, "stop_sequences": ["a", "b", "c", "d", "e"], "temperature": 0.5, "top_p": 0.9,
      "top_k": 5, "thinking": {"type": "adaptive"}, "metadata": {"user_id": "ann"}, "stream": true,
      "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}})"),
            json::parse(R"({"model": "m", "max_tokens": 9, "stop": ["a", "b", "c", "d"],
      "temperature": 0.5, "top_p": 0.9, "user": "ann", "stream": true,
      "stream_options": {"include_usage": true},
      "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "strict": true,
                          "schema": {"type": "object"}}},
      "messages": [{"role": "user", "content": "hi"}]})"));
  const auto for_openai = translate(
      R"({"model": "m", "max_tokens": 9, "stream": true, "messages": [
          {"role": "user", "content": "hi"}]})",
      {.max_completion_tokens = true, .stream_usage = false});
  EXPECT_EQ(for_openai.at("max_completion_tokens"), 9);
  EXPECT_FALSE(for_openai.contains("max_tokens"));
  EXPECT_FALSE(for_openai.contains("stream_options"));
}

TEST(MessagesToChat, WhatAnthropicsApiDoesNotTakeIsRefusedByItsPath) {
  const std::vector<std::pair<std::string, std::string>> wrong{
      {R"({"max_tokens": 1})", "'messages' must be"},
      {R"({"max_tokens": 1, "messages": []})", "'messages' must be"},
      {R"({"max_tokens": 1, "messages": [{"role": "system", "content": "x"}]})",
       "'messages[0].role' must be user or assistant"},
      {R"({"max_tokens": 1, "messages": [{"role": "user"}]})", "'messages[0].content' must be"},
      {R"({"max_tokens": 1, "messages": [{"role": "user", "content": [{"text": "x"}]}]})",
       "'messages[0].content[0]' must be"},
      {R"({"max_tokens": 1, "messages": [{"role": "user", "content": [
           {"type": "tool_result", "content": [{"type": "text", "text": 1}]}]}]})",
       "'messages[0].content[0].content[0].text' must be"},
      {R"({"messages": [{"role": "user", "content": "x"}]})", "'max_tokens' must be"},
      {"[]", "no JSON object"},
  };
  for (const auto& [body, message] : wrong) {
    const auto chat = messages_to_chat(std::string_view(body));
    ASSERT_FALSE(chat) << body;
    EXPECT_THAT(chat.error().message, HasSubstr(message));
  }
}

TEST(BeyondOpenAi, WhatCannotBeTranslatedIsNamed) {
  const auto beyond = [](const std::string& more, const std::string& content = R"("hi")") {
    const std::string body =
        R"({"messages": [{"role": "user", "content": )" + content + "}]" + more + "}";
    return beyond_openai(json::parse(body).as_object());
  };
  EXPECT_EQ(beyond(R"(, "top_k": 3, "tools": [{"name": "f"}, {"type": "custom", "name": "g"}])"),
            "");
  EXPECT_EQ(beyond(R"(, "tools": [{"type": "web_search_20250305", "name": "web_search"}])"),
            "tool of type web_search_20250305");
  EXPECT_EQ(beyond(R"(, "tools": [{"type": "what I want to know", "name": "x"}])"),
            "tool of type another kind");
  EXPECT_EQ(beyond(R"(, "tools": [{"type": ")" + std::string(1000, 'x') + R"(", "name": "x"}])"),
            "tool of type another kind");
  EXPECT_EQ(beyond(R"(, "mcp_servers": [{"url": "x"}])"), "mcp_servers");
  EXPECT_EQ(beyond("", R"([{"type": "image", "source": {"type": "file", "file_id": "f"}}])"),
            "images by file");
  EXPECT_EQ(beyond("", R"([{"type": "document", "source": {"type": "url", "url": "u"}}])"),
            "documents by url");
  EXPECT_EQ(beyond("", R"([{"type": "tool_result", "tool_use_id": "x", "content": [
                       {"type": "tool_reference", "tool_name": "t"}]}])"),
            "content of type tool_reference");
  EXPECT_EQ(beyond("", R"([{"type": "document", "citations": {"enabled": true},
                       "source": {"type": "text", "data": "x"}}])"),
            "citations");
  EXPECT_EQ(beyond_openai(json::parse(R"({"messages": [{"role": "user", "content": "hi"},
                {"role": "assistant", "content": "{"}]})")
                              .as_object()),
            "answer begun by the client, which ends the messages");
}

}  // namespace
}  // namespace yardmaster::env
