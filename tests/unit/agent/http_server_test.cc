#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <set>
#include <vector>

#include "agent/http/server.h"
#include "tests/unit/agent/running_server.h"

namespace yardmaster::agent {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using std::chrono::milliseconds;
using test::RawClient;
using testing::HasSubstr;
using testing::Not;

TEST(HttpServer, AnswersManyRequestsOnOneConnection) {
  RunningServer running;
  RawClient client(running.port());
  for (const std::string body : {"one", "", "three"}) {
    client.send(post("/a", body));
    const auto answer = client.read_answer();
    EXPECT_EQ(answer.result_int(), 200u);
    EXPECT_EQ(answer.body(), "POST /a " + body);
    EXPECT_EQ(answer[http::field::content_type], "text/plain");
    EXPECT_THAT(std::string(answer[http::field::date]), HasSubstr(" GMT"));
  }
  EXPECT_EQ(running.server().connections(), 1u);
}

TEST(HttpServer, AnswersPipelinedRequestsInTheirOrder) {
  RunningServer running;
  RawClient client(running.port());
  client.send(get("/slow") + post("/b", "2") + "\r\n" + get("/slow") + get("/d"));
  EXPECT_EQ(client.read_answer().body(), "GET /slow ");
  EXPECT_EQ(client.read_answer().body(), "POST /b 2");
  EXPECT_EQ(client.read_answer().body(), "GET /slow ");
  EXPECT_EQ(client.read_answer().body(), "GET /d ");
}

TEST(HttpServer, TakesRequestsByteByByte) {
  RunningServer running;
  RawClient client(running.port());
  for (const char c : post("/a", "body") + get("/b")) client.send(std::string(1, c));
  EXPECT_EQ(client.read_answer().body(), "POST /a body");
  EXPECT_EQ(client.read_answer().body(), "GET /b ");
}

TEST(HttpServer, AnswersHeadWithHeadersAlone) {
  RunningServer running;
  RawClient client(running.port());
  client.send("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n" + get("/b"));
  EXPECT_EQ(client.read_answer(true)[http::field::content_length], "8");
  EXPECT_EQ(client.read_answer().body(), "GET /b ");
}

TEST(HttpServer, ClosesAfterHttp10UnlessAskedToStay) {
  RunningServer running;
  RawClient client(running.port());
  client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(client.read_answer()[http::field::connection], "keep-alive");
  client.send("GET /b HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.read_answer()[http::field::connection], "close");
  EXPECT_EQ(client.read_to_end(), "");
}

TEST(HttpServer, ClosesWhenTheClientAsksForIt) {
  RunningServer running;
  RawClient client(running.port());
  client.send(get("/a", "Connection: close\r\n"));
  EXPECT_EQ(client.read_answer()[http::field::connection], "close");
  EXPECT_EQ(client.read_to_end(), "");
}

TEST(HttpServer, SaysContinueToClientsThatWaitForIt) {
  RunningServer running;
  RawClient client(running.port());
  client.send("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.read_answer().result_int(), 100u);
  client.send("hi");
  EXPECT_EQ(client.read_answer().body(), "POST /a hi");
}

TEST(HttpServer, ReadsChunkedBodies) {
  RunningServer running;
  RawClient client(running.port());
  client.send("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.send("3\r\nabc\r\n2;extension=1\r\nde\r\n");
  client.send("0\r\n\r\n" + get("/b"));
  EXPECT_EQ(client.read_answer().body(), "POST /a abcde");
  EXPECT_EQ(client.read_answer().body(), "GET /b ");
}

TEST(HttpServer, KeepsHeaderValuesOnOneLine) {
  RunningServer running;
  RawClient client(running.port());
  client.send(get("/a"));
  const auto answer = client.read_answer();
  EXPECT_EQ(answer["x-line"], "a  x-injected: b");
  EXPECT_EQ(answer.count("x-injected"), 0u);
}

TEST(HttpServer, WritesLargeAnswersToSlowReaders) {
  RunningServer running;
  RawClient client(running.port());
  client.send(get("/large") + get("/b"));
  EXPECT_EQ(client.read_answer().body().size(), 8u << 20);
  EXPECT_EQ(client.read_answer().body(), "GET /b ");
}

TEST(HttpServer, AnswersClientsThatCloseTheirSideFirst) {
  RunningServer running;
  RawClient client(running.port());
  client.send(post("/slow", "x"));
  client.end_sending();
  EXPECT_EQ(client.read_answer().body(), "POST /slow x");
  EXPECT_EQ(client.read_to_end(), "");
}

TEST(HttpServer, TellsAHandlerThatAsksOfAClientThatLeaves) {
  RunningServer running;
  RawClient client(running.port());
  client.send(get("/watch"));
  running.wait_until_held();
  client.close();
  running.seen().ended.get_future().get();
}

TEST(HttpServer, AClientThatWaitsIsAnsweredAndItsNextRequestsToo) {
  for (const bool ahead : {false, true}) {
    RunningServer running;
    RawClient client(running.port());
    client.send(get("/watch") + (ahead ? get("/a") : ""));
    running.wait_until_held();
    running.release();
    EXPECT_EQ(client.read_answer().body(), "GET /watch ");
    if (!ahead) client.send(get("/a"));
    EXPECT_EQ(client.read_answer().body(), "GET /a ");
    client.send(get("/b"));
    EXPECT_EQ(client.read_answer().body(), "GET /b ");
  }
}

TEST(HttpServer, TurnsExceptionsInto500WithoutSayingWhatIsInside) {
  RunningServer running;
  RawClient client(running.port());
  client.send(get("/throw") + get("/b"));
  const auto answer = client.read_answer();
  EXPECT_EQ(answer.result_int(), 500u);
  EXPECT_THAT(answer.body(), Not(HasSubstr("secret")));
  EXPECT_EQ(client.read_answer().body(), "GET /b ");
}

TEST(HttpServer, DrainLetsRequestsFinishAndClosesIdleConnections) {
  RunningServer running;
  RawClient idle(running.port());
  idle.send(get("/a"));
  idle.read_answer();
  RawClient busy(running.port());
  busy.send(get("/hold"));
  running.wait_until_held();

  auto drained = running.start_drain(milliseconds(60'000));
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_THROW(RawClient(running.port()), boost::system::system_error);
  running.release();
  const auto answer = busy.read_answer();
  EXPECT_EQ(answer.body(), "GET /hold ");
  EXPECT_EQ(answer[http::field::connection], "close");
  EXPECT_EQ(busy.read_to_end(), "");
  busy.close();
  drained.get();
  EXPECT_EQ(running.server().connections(), 0u);
}

TEST(HttpServer, DrainRefusesRequestsThatArriveLate) {
  RunningServer running;
  RawClient busy(running.port());
  busy.send(get("/hold"));
  running.wait_until_held();
  RawClient late(running.port());
  late.send("GET /a HTTP/1.1\r\n");
  RawClient idle(running.port());
  idle.send(get("/a"));
  idle.read_answer();  // so the server has read the line above: it reads in the order of arrival

  auto drained = running.start_drain(milliseconds(60'000));
  EXPECT_EQ(idle.read_to_end(), "");
  late.send("Host: x\r\n\r\n");
  EXPECT_THAT(closing_error(late, 503), HasSubstr("draining"));
  late.close();
  running.release();
  busy.read_answer();
  busy.close();
  drained.get();
}

TEST(HttpServer, DrainCutsWhatOutlastsTheGrace) {
  RunningServer running;
  RawClient client(running.port());
  client.send(get("/hold"));
  running.wait_until_held();
  running.start_drain(milliseconds(10)).get();
  EXPECT_EQ(client.read_to_end(), "");
  EXPECT_EQ(running.server().connections(), 0u);
}

TEST(HttpServer, SharesItsSocketWithAServerOnAnotherThread) {
  asio::io_context io;
  const auto first = HttpServer::listen(io, "127.0.0.1", 0, {}, nullptr);
  ASSERT_TRUE(first);
  RunningServer second(**first);
  EXPECT_EQ(second.port(), (*first)->port());
  RawClient client(second.port());
  client.send(get("/a"));
  EXPECT_EQ(client.read_answer().body(), "GET /a ") << "the first one never accepts";
}

TEST(HttpServer, SaysWhyItCannotListen) {
  asio::io_context io;
  asio::ip::tcp::acceptor other(io, {asio::ip::address_v4::loopback(), 0}, false);
  const auto taken =
      HttpServer::listen(io, "127.0.0.1", other.local_endpoint().port(), {}, nullptr);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::io);
  EXPECT_THAT(taken.error().message, HasSubstr("in use"));
  const auto no_address = HttpServer::listen(io, "localhost", 0, {}, nullptr);
  ASSERT_FALSE(no_address);
  EXPECT_THAT(no_address.error().message, HasSubstr("'localhost' is not an IP address"));
}

TEST(HttpServer, ServesAgainAfterFileDescriptorsRanOut) {
  RunningServer running;
  RawClient client;
  std::vector<int> hoard;
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) hoard.push_back(fd);
  client.connect(running.port());
  client.send(get("/a"));
  for (const int fd : hoard) ::close(fd);
  EXPECT_EQ(client.read_answer().body(), "GET /a ");
}

}  // namespace
}  // namespace yardmaster::agent
