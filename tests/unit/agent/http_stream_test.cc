// Answers whose body is streamed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/http/server.h"
#include "tests/unit/agent/running_server.h"

namespace yardmaster::agent {
namespace {

namespace http = boost::beast::http;
using std::chrono::milliseconds;
using test::RawClient;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(HttpStream, SendsThePiecesAsChunksAndKeepsTheConnection) {
  RunningServer running;
  RawClient client(running.port());
  for (int i = 0; i < 2; ++i) {
    client.send(get("/stream"));
    const auto answer = client.read_answer();
    EXPECT_EQ(answer[http::field::transfer_encoding], "chunked");
    EXPECT_EQ(answer.count(http::field::content_length), 0u);
    EXPECT_EQ(answer.body(), "onetwo" + std::string(300u << 10, 'y'));
  }
  client.send(get("/a"));
  EXPECT_EQ(client.read_answer().body(), "GET /a ");
}

TEST(HttpStream, SendsAPieceBeforeTheNextIsThere) {
  RunningServer running;
  RawClient client(running.port());
  client.send(get("/stream/silent"));
  EXPECT_THAT(client.read_until("one"), StartsWith("HTTP/1.1 200 OK"));
}

TEST(HttpStream, AnswersPipelinedRequestsBehindAStream) {
  RunningServer running;
  RawClient client(running.port());
  client.send(get("/stream") + get("/b") + get("/stream"));
  EXPECT_THAT(client.read_answer().body(), StartsWith("onetwo"));
  EXPECT_EQ(client.read_answer().body(), "GET /b ");
  EXPECT_THAT(client.read_answer().body(), StartsWith("onetwo"));
}

TEST(HttpStream, EndsWithTheConnectionForHttp10) {
  RunningServer running;
  RawClient client(running.port());
  client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const std::string answer = client.read_to_end();
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  EXPECT_THAT(answer, testing::Not(HasSubstr("chunked")));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nonetwoyyy"));
}

TEST(HttpStream, ABrokenStreamEndsWithoutTheLastChunk) {
  RunningServer running;
  RawClient client(running.port());
  client.send(get("/stream/broken"));
  EXPECT_THAT(client.read_to_end(), EndsWith("3\r\none\r\n"));
}

TEST(HttpStream, TellsWhenTheClientLeavesDuringASilence) {
  RunningServer running;
  RawClient client(running.port());
  client.send(get("/stream/silent"));
  client.read_until("one");
  client.close();
  running.seen().ended.get_future().get();
}

TEST(HttpStream, StopsWhenTheClientLeavesDuringAWrite) {
  RunningServer running;
  RawClient client(running.port());
  client.send(get("/stream/flood"));
  client.read_until("xxx");
  client.close();
  running.seen().ended.get_future().get();
}

TEST(HttpStream, BuffersNoMoreThanAPieceForAClientThatDoesNotReadAndCutsIt) {
  HttpLimits limits;
  limits.idle_timeout = milliseconds(100);
  RunningServer running(limits);
  RawClient client(running.port());
  client.send(get("/stream/flood"));
  running.seen().ended.get_future().get();
  // What was taken lies in the sockets of the two ends; their buffers grow to a few megabytes.
  EXPECT_LT(running.seen().flooded.load(), 32u << 20);
}

TEST(HttpStream, IsCutWhenTheGraceOfADrainIsOver) {
  RunningServer running;
  RawClient client(running.port());
  client.send(get("/stream/silent"));
  client.read_until("one");
  running.start_drain(milliseconds(10)).get();
  EXPECT_EQ(running.server().connections(), 0u);
}

}  // namespace
}  // namespace yardmaster::agent
