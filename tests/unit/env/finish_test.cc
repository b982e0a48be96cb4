// How answers say that they ended, in each API, whole and streamed.

#include <gtest/gtest.h>

#include "env/route_usage.h"
#include "env/stream_reader.h"

namespace yardmaster::env {
namespace {

std::optional<Finish> finish_of(ApiRoute route, std::string_view answer) {
  const auto usage = read_usage(route, answer);
  EXPECT_TRUE(usage) << answer;
  return usage ? usage->finish : std::nullopt;
}

std::optional<Finish> finish_of_stream(ApiRoute route, const std::vector<std::string>& events) {
  const auto reader = make_stream_reader(route, false);
  for (const std::string& event : events) {
    EXPECT_TRUE(reader->take("data: " + event + "\n\n")) << event;
  }
  return reader->usage().finish;
}

TEST(Finish, OfAChatCompletionIsTheWorstOfItsChoices) {
  constexpr ApiRoute kChat = ApiRoute::chat_completions;
  EXPECT_EQ(finish_of(kChat, R"({"choices":[{"finish_reason":"stop"}]})"), Finish::stop);
  EXPECT_EQ(finish_of(kChat, R"({"choices":[{"finish_reason":"tool_calls"}]})"), Finish::stop);
  EXPECT_EQ(
      finish_of(kChat, R"({"choices":[{"finish_reason":"length"},{"finish_reason":"stop"}]})"),
      Finish::length);
  EXPECT_EQ(finish_of(kChat, R"({"choices":[{"finish_reason":"content_filter"}]})"),
            Finish::refusal);
  EXPECT_EQ(finish_of(kChat, R"({"choices":[{"message":{"refusal":"I can't"}}]})"),
            Finish::refusal);
  EXPECT_EQ(finish_of(kChat, R"({"choices":[{"message":{"refusal":null}}]})"), std::nullopt);
  EXPECT_EQ(finish_of(kChat, R"({"choices":[1,{"finish_reason":null}]})"), std::nullopt);
}

TEST(Finish, OfAMessageAndOfAResponse) {
  EXPECT_EQ(finish_of(ApiRoute::messages, R"({"stop_reason":"end_turn"})"), Finish::stop);
  EXPECT_EQ(finish_of(ApiRoute::messages, R"({"stop_reason":"max_tokens"})"), Finish::length);
  EXPECT_EQ(finish_of(ApiRoute::messages, R"({"stop_reason":"refusal"})"), Finish::refusal);
  EXPECT_EQ(finish_of(ApiRoute::responses, R"({"status":"completed"})"), Finish::stop);
  EXPECT_EQ(finish_of(ApiRoute::responses, R"({"status":"incomplete"})"), Finish::length);
  EXPECT_EQ(
      finish_of(ApiRoute::responses,
                R"({"status":"incomplete","incomplete_details":{"reason":"content_filter"}})"),
      Finish::refusal);
}

TEST(Finish, OfAStreamIsReadAsItGoesBy) {
  EXPECT_EQ(finish_of_stream(ApiRoute::chat_completions,
                             {R"({"choices":[{"delta":{"content":"a"},"finish_reason":null}]})",
                              R"({"choices":[{"delta":{"content":"\"finish_reason\": \"x"}}]})",
                              R"({"choices":[{"delta":{},"finish_reason": "length"}]})",
                              R"({"choices":[{"delta":{},"finish_reason":null}]})"}),
            Finish::length);
  EXPECT_EQ(finish_of_stream(
                ApiRoute::chat_completions,
                {R"({"choices":[{"delta":{}}]})", R"({"choices":[{"delta":{"refusal":"No"}}]})",
                 R"({"choices":[{"delta":{},"finish_reason":"stop"}]})"}),
            Finish::refusal);
  EXPECT_EQ(finish_of_stream(ApiRoute::messages,
                             {R"({"type":"message_start","message":{"stop_reason":null}})",
                              R"({"type":"content_block_start","index":0})",
                              R"({"type":"message_delta","delta":{"stop_reason":"max_tokens"}})"}),
            Finish::length);
}

}  // namespace
}  // namespace yardmaster::env
