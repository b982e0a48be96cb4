// Streams of upstreams by HTTP.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/unit/env/upstream_client.h"

namespace yardmaster::env {
namespace {

using std::chrono::milliseconds;
using test::kStreamHead;
using test::ScriptedServer;
using testing::HasSubstr;
using Peer = ScriptedServer::Peer;

Result<StreamedAnswer> stream(Client& client) {
  return run(client.io(), client.upstream().stream({nullptr, "{}", ""}));
}

Result<std::string> read(Client& client, AnswerStream& stream) {
  auto bytes = run(client.io(), stream.read());
  if (!bytes) return fail(bytes.error());
  return std::string(*bytes);
}

TEST(HttpStream, GivesEachPieceWhenItComes) {
  std::promise<void> go_on;
  ScriptedServer server([&](Peer& peer) {
    peer.read();
    peer.send(std::string(kStreamHead) + "3\r\none\r\n");
    go_on.get_future().get();
    peer.send("3\r\ntwo\r\n0\r\n\r\n");
    answer_all(peer);
  });
  Client client(plain(server));
  auto answer = stream(client);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->answer.content_type, "text/event-stream");
  EXPECT_EQ(*read(client, *answer->stream), "one");
  EXPECT_FALSE(answer->stream->ended());
  go_on.set_value();
  EXPECT_EQ(*read(client, *answer->stream), "two");
  run(client.io(), [](std::unique_ptr<AnswerStream> rest) -> boost::asio::awaitable<int> {
    co_await read_rest(std::move(rest));
    co_return 0;
  }(std::move(answer->stream)));
  EXPECT_EQ(body_of(client.chat()), "1");
  EXPECT_EQ(server.connections(), 1) << "a stream that ended leaves its connection to the next";
}

TEST(HttpStream, ReadsAnswersThatAreNoStreamAsAWhole) {
  ScriptedServer server([](Peer& peer) {
    peer.read();
    peer.send("HTTP/1.1 503 Oh\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\n{}");
    peer.read();
    peer.answer("{}");
    peer.wait_for_close();
  });
  Client client(plain(server));
  const auto refused = stream(client);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->stream, nullptr);
  EXPECT_EQ(refused->answer.status, 503u);
  EXPECT_EQ(refused->answer.retry_after, "3");
  EXPECT_EQ(refused->answer.body, "{}");
  const auto json = stream(client);
  ASSERT_TRUE(json);
  EXPECT_EQ(json->stream, nullptr);
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpStream, FailsWhereItIsCutInTheMiddle) {
  const std::vector<std::string> beginnings{std::string(kStreamHead) + "3\r\none\r\n",
                                            "HTTP/1.1 200 OK\r\n\r\none",
                                            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none"};
  for (const std::string& head : beginnings) {
    ScriptedServer server([&](Peer& peer) {
      peer.read();
      peer.send(head);
    });
    Client client(plain(server));
    auto answer = stream(client);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(*read(client, *answer->stream), "one");
    const auto rest = read(client, *answer->stream);
    ASSERT_FALSE(rest) << head;
    EXPECT_EQ(rest.error().code, ErrorCode::io);
    answer->stream.reset();
    EXPECT_EQ(client.connections().open(), 0u);
  }
}

TEST(HttpStream, GivesUpOnSilenceBeforeTheFirstByteAndBetweenBytes) {
  ScriptedServer server([](Peer& peer) {
    peer.read();
    if (peer.number() > 0) peer.send(std::string(kStreamHead) + "3\r\none\r\n");
    peer.wait_for_close();
  });
  UpstreamSpec spec = plain(server);
  spec.first_byte_timeout = milliseconds(30);
  Client impatient(spec);
  const auto nothing = stream(impatient);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, ErrorCode::timed_out);
  EXPECT_THAT(nothing.error().message, HasSubstr("first_byte_timeout_s"));

  spec = plain(server);
  spec.idle_timeout = milliseconds(30);
  Client client(spec);
  auto answer = stream(client);
  ASSERT_TRUE(answer);
  EXPECT_EQ(*read(client, *answer->stream), "one");
  const auto rest = read(client, *answer->stream);
  ASSERT_FALSE(rest);
  EXPECT_EQ(rest.error().code, ErrorCode::timed_out);
  EXPECT_THAT(rest.error().message, HasSubstr("idle_timeout_s"));
}

TEST(HttpStream, AStreamThatNeverEndsEndsAtTheTotalDeadline) {
  ScriptedServer server([](Peer& peer) {
    peer.read();
    peer.send(kStreamHead);
    while (peer.try_send("3\r\none\r\n")) std::this_thread::sleep_for(milliseconds(1));
  });
  UpstreamSpec spec = plain(server);
  spec.total_timeout = milliseconds(60);
  Client client(spec);
  auto answer = stream(client);
  ASSERT_TRUE(answer) << answer.error().message;
  Result<std::string> bytes = std::string();
  while (bytes) bytes = read(client, *answer->stream);
  EXPECT_EQ(bytes.error().code, ErrorCode::timed_out);
}

TEST(HttpStream, CancellingClosesTheConnection) {
  std::promise<void> closed;
  ScriptedServer server([&](Peer& peer) {
    peer.read();
    peer.send(std::string(kStreamHead) + "3\r\none\r\n");
    peer.wait_for_close();
    closed.set_value();
  });
  Client client(plain(server));
  auto answer = stream(client);
  ASSERT_TRUE(answer);
  EXPECT_EQ(*read(client, *answer->stream), "one");
  boost::asio::post(client.io(), [&] { answer->stream->cancel(); });
  EXPECT_FALSE(read(client, *answer->stream));
  closed.get_future().get();
  EXPECT_FALSE(read(client, *answer->stream));
}

}  // namespace
}  // namespace yardmaster::env
