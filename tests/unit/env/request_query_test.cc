#include "env/request_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace yardmaster::env {
namespace {

using ::testing::HasSubstr;

TEST(MessagesQuery, SaysOfAMessageWhatItWouldOfAChat) {
  const auto query = parse_messages_query(R"({"model": "auto", "max_tokens": 50, "stream": true,
      "system": "Be brief.", "metadata": {"user_id": "ann"},
      "tools": [{"type": "web_search_20250305", "name": "web_search"}],
      "messages": [
        {"role": "user", "content": [{"type": "text", "text": "What is it?"},
          {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}]}]})");
  ASSERT_TRUE(query) << query.error().message;
  EXPECT_EQ(query->requested_model, "auto");
  EXPECT_EQ(query->user, "ann");
  EXPECT_EQ(query->text, "What is it?\nBe brief.");
  EXPECT_EQ(query->max_output_tokens, 50u);
  EXPECT_TRUE(query->stream);
  EXPECT_TRUE(query->has_images);
  EXPECT_TRUE(query->has_tools);
  EXPECT_EQ(query->beyond_openai, "tool of type web_search_20250305");
  EXPECT_EQ(query->beyond_anthropic, "");
}

TEST(MessagesQuery, RefusesWhatIsNone) {
  for (const char* body : {"", "[]", "{}", R"({"max_tokens": 1, "messages": [1]})", "\xff"}) {
    EXPECT_FALSE(parse_messages_query(body)) << body;
  }
  const auto without_bound = parse_messages_query(R"({"messages": [
      {"role": "user", "content": "hi"}]})");
  ASSERT_FALSE(without_bound);
  EXPECT_THAT(without_bound.error().message, HasSubstr("max_tokens"));
}

TEST(PassedQuery, TakesTheModelAndTheStreamOfAnyBody) {
  const auto query = parse_passed_query(R"({"model": "e", "input": [[1, 2]], "stream": true,
      "stream_options": {"include_usage": true}, "tools": "any"})");
  ASSERT_TRUE(query) << query.error().message;
  EXPECT_EQ(query->requested_model, "e");
  EXPECT_TRUE(query->stream);
  EXPECT_TRUE(query->wants_stream_usage);
  EXPECT_GT(query->prompt_bytes, 20u);
  EXPECT_FALSE(parse_passed_query(R"({"model": 1})"));
  EXPECT_FALSE(parse_passed_query(R"({"stream": "yes"})"));
  EXPECT_FALSE(parse_passed_query("no"));
}

}  // namespace
}  // namespace yardmaster::env
