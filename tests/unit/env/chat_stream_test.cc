#include "env/chat_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace yardmaster::env {
namespace {

using testing::HasSubstr;

constexpr char kText[] =
    R"(data: {"id":"c1","choices":[{"index":0,"delta":{"content":"hi \"usage\": {"}}],"usage":null})"
    "\n\n";
constexpr char kUsage[] =
    R"(data: {"id":"c1","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}})"
    "\n\n";
constexpr char kEnd[] = "data: [DONE]\n\n";

TEST(ChatStreamReader, PassesChunksOnAndReadsTheUsage) {
  ChatStreamReader reader(false);
  ASSERT_TRUE(reader.take(std::string(kText) + kUsage + kEnd));
  EXPECT_EQ(reader.ready(), std::string(kText) + kUsage);
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(reader.end(), kEnd);
  EXPECT_EQ(reader.usage().response_id, "c1");
  EXPECT_EQ(reader.usage().input_tokens, 7u);
  EXPECT_EQ(reader.usage().output_tokens, 3u);
}

TEST(ChatStreamReader, TakesTheUsageOutThatTheClientDidNotAskFor) {
  ChatStreamReader reader(true);
  const std::string stream = std::string(kText).append(kUsage).append(kEnd);
  for (const char c : stream) {
    ASSERT_TRUE(reader.take(std::string(1, c)));
  }
  EXPECT_EQ(reader.ready(), kText);
  EXPECT_EQ(reader.usage().output_tokens, 3u);
}

TEST(ChatStreamReader, LeavesUsageInThatComesWithText) {
  const std::string both =
      R"(data: {"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}})"
      "\n\n";
  ChatStreamReader reader(true);
  ASSERT_TRUE(reader.take(both));
  EXPECT_EQ(reader.ready(), both);
  EXPECT_EQ(reader.usage().input_tokens, 1u);
}

TEST(ChatStreamReader, HoldsCommentsBackUntilTheFirstChunk) {
  ChatStreamReader reader(true);
  ASSERT_TRUE(reader.take(": wait\n\n"));
  EXPECT_FALSE(reader.has_ready());
  ASSERT_TRUE(reader.take(kText));
  EXPECT_TRUE(reader.has_ready());
  EXPECT_EQ(reader.ready(), std::string(": wait\n\n") + kText);
}

TEST(ChatStreamReader, RefusesABeginningThatIsNoChunk) {
  for (const std::string start : {"data: hello\n\n", "data: [1]\n\n", "data: [DONE]\n\n",
                                  "data: {\"error\":{\"message\":\"overloaded\"}}\n\n"}) {
    ChatStreamReader reader(true);
    const Status taken = reader.take(start);
    ASSERT_FALSE(taken) << start;
    EXPECT_EQ(taken.error().code, ErrorCode::io);
    EXPECT_FALSE(reader.started());
  }
  ChatStreamReader reader(true);
  EXPECT_THAT(reader.take("data: {\"error\":{\"message\":\"overloaded\"}}\n\n").error().message,
              HasSubstr("overloaded"));
}

TEST(ChatStreamReader, PassesALaterErrorOnAndTellsOfIt) {
  const std::string failed = "data: {\"error\":{\"message\":\"overloaded\"}}\n\n";
  ChatStreamReader reader(true);
  ASSERT_TRUE(reader.take(kText + failed));
  EXPECT_EQ(reader.ready(), kText + failed);
  EXPECT_EQ(reader.error(), "an error");
}

TEST(ChatStreamReader, RefusesAnEventThatIsTooLong) {
  ChatStreamReader reader(true, 100);
  ASSERT_TRUE(reader.take("data: {}\n\ndata: " + std::string(200, 'x')));
  EXPECT_FALSE(reader.take("x"));
}

}  // namespace
}  // namespace yardmaster::env
