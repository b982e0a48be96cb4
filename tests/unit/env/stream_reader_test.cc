// The readers of streams other than chat completions.

#include "env/stream_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "env/usage.h"
#include "tests/common/events.h"

namespace yardmaster::env {
namespace {

using test::event;
using ::testing::HasSubstr;

const std::string kStart = event("message_start", R"({"type": "message_start", "message": {
    "id": "msg_1", "usage": {"input_tokens": 10, "cache_read_input_tokens": 5,
    "cache_creation_input_tokens": 2, "output_tokens": 1}}})");
const std::string kPing = event("ping", R"({"type": "ping"})");
const std::string kBlock =
    event("content_block_start", R"({"type": "content_block_start", "index": 0})");
const std::string kDelta =
    event("content_block_delta", R"({"type": "content_block_delta", "delta": {"text": "hi"}})");
const std::string kUsage =
    event("message_delta", R"({"type": "message_delta", "usage": {"output_tokens": 7}})");
const std::string kStop = event("message_stop", R"({"type": "message_stop"})");

TEST(MessageStream, IsPassedOnByteForByteOnceTheContentBegins) {
  const auto reader = make_stream_reader(ApiRoute::messages, false);
  ASSERT_TRUE(reader->take(kStart + kPing));
  EXPECT_FALSE(reader->has_ready());
  ASSERT_TRUE(reader->take(kBlock));
  EXPECT_EQ(reader->ready(), kStart + kPing + kBlock);
  reader->ready().clear();
  for (const char byte : kDelta + kUsage + kStop) ASSERT_TRUE(reader->take({&byte, 1}));
  EXPECT_EQ(reader->ready(), kDelta + kUsage);
  EXPECT_TRUE(reader->done());
  EXPECT_EQ(reader->end(), kStop);
  EXPECT_TRUE(reader->finish());
  EXPECT_EQ(reader->usage().response_id, "msg_1");
  EXPECT_EQ(reader->usage().input_tokens, 17u);
  EXPECT_EQ(reader->usage().cache_read_tokens, 5u);
  EXPECT_EQ(reader->usage().output_tokens, 7u);
}

TEST(MessageStream, AnErrorBeforeTheContentFailsAndOneWithinItIsPassedOn) {
  const std::string error = event(
      "error", R"({"type": "error", "error": {"type": "overloaded_error", "message": "full"}})");
  const auto early = make_stream_reader(ApiRoute::messages, false);
  const Status taken = early->take(kStart + error);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().message,
            "the stream begins with an error of type overloaded_error: full");
  EXPECT_EQ(without_words(taken.error().message),
            "the stream begins with an error of type overloaded_error");
  const auto late = make_stream_reader(ApiRoute::messages, false);
  ASSERT_TRUE(late->take(kStart + kBlock + error));
  EXPECT_EQ(late->ready(), kStart + kBlock + error);
  EXPECT_EQ(late->error(), "an error of type overloaded_error");
}

TEST(MessageStream, WithoutItsLastEventItIsUnfinished) {
  const auto reader = make_stream_reader(ApiRoute::messages, false);
  ASSERT_TRUE(reader->take(kStart + kBlock + kDelta));
  EXPECT_FALSE(reader->finish());
  const auto odd = make_stream_reader(ApiRoute::messages, false);
  EXPECT_FALSE(odd->take("data: hello\n\n"));
}

TEST(ChatStream, WhatIsLeftOutTakesItsWholeBlankLineWithItWhereverAReadCutsIt) {
  const std::string hello = R"(data: {"id":"c1","choices":[{"index":0,"delta":{"content":"Hi"}}]})"
                            "\r\r\n";
  const std::string usage =
      R"(data: {"id":"c1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}})"
      "\r\r\n";
  const std::string stream = hello + usage + "data: [DONE]\r\r\n";
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    const auto reader = make_stream_reader(ApiRoute::chat_completions, true);
    ASSERT_TRUE(reader->take(stream.substr(0, cut)));
    if (!reader->done()) {
      ASSERT_TRUE(reader->take(stream.substr(cut)));
    }
    EXPECT_EQ(reader->ready(), hello) << cut;
    EXPECT_TRUE(reader->done());
  }
}

TEST(ResponseStream, EndsWithTheCompleteResponseWhichHasTheUsage) {
  const std::string created =
      event("response.created", R"({"type": "response.created", "response": {"id": "resp_1"}})");
  const std::string delta = event("response.output_text.delta",
                                  R"({"type": "response.output_text.delta", "delta": "hi"})");
  const std::string completed =
      event("response.completed", R"({"type": "response.completed", "response": {"id": "resp_1",
      "error": null, "usage": {"input_tokens": 10, "output_tokens": 4,
      "input_tokens_details": {"cached_tokens": 6}}}})");
  const auto reader = make_stream_reader(ApiRoute::responses, false);
  ASSERT_TRUE(reader->take(created + delta));
  EXPECT_FALSE(reader->finish());
  ASSERT_TRUE(reader->take(completed));
  EXPECT_EQ(reader->ready(), created + delta);
  EXPECT_EQ(reader->end(), completed);
  EXPECT_FALSE(reader->error());
  EXPECT_EQ(reader->usage().response_id, "resp_1");
  EXPECT_EQ(reader->usage().input_tokens, 10u);
  EXPECT_EQ(reader->usage().cache_read_tokens, 6u);
}

TEST(ResponseStream, AFailedResponseIsAnError) {
  const auto reader = make_stream_reader(ApiRoute::responses, false);
  ASSERT_TRUE(reader->take(event("response.failed", R"({"type": "response.failed",
      "response": {"error": {"code": "server_error", "message": "oh"}}})")));
  EXPECT_TRUE(reader->done());
  EXPECT_EQ(reader->error(), "an error of type server_error");
}

}  // namespace
}  // namespace yardmaster::env
