// What the HTTP server refuses or cuts: its limits on sizes, counts and times, and what is no HTTP.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <vector>

#include "tests/unit/agent/running_server.h"

namespace yardmaster::agent {
namespace {

using std::chrono::milliseconds;
using test::RawClient;
using testing::HasSubstr;

TEST(HttpRefusals, RefusesWhatIsNotHttp) {
  RunningServer running;
  RawClient client(running.port());
  client.send("\x16\x03\x01 this is no HTTP\r\n\r\n");
  EXPECT_THAT(closing_error(client, 400), HasSubstr("not a well-formed HTTP/1.1 request"));
}

TEST(HttpRefusals, RefusesTwoLengthsForOneBody) {
  RunningServer running;
  RawClient client(running.port());
  client.send(
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
  closing_error(client, 400);
}

TEST(HttpRefusals, RefusesRequestsWithoutHost) {
  RunningServer running;
  RawClient client(running.port());
  client.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_THAT(closing_error(client, 400), HasSubstr("Host"));
}

TEST(HttpRefusals, RefusesUnknownTransferEncodingsAndExpectations) {
  RunningServer running;
  RawClient gzip(running.port());
  gzip.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n");
  closing_error(gzip, 501);
  RawClient expecting(running.port());
  expecting.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: magic\r\nContent-Length: 1\r\n\r\n");
  closing_error(expecting, 417);
}

TEST(HttpRefusals, RefusesLargeHeaders) {
  HttpLimits limits;
  limits.max_header_bytes = 1024;
  RunningServer running(limits);
  RawClient client(running.port());
  client.send(get("/a", "x-long: " + std::string(2000, 'a') + "\r\n"));
  EXPECT_THAT(closing_error(client, 431), HasSubstr("1024 bytes"));
}

TEST(HttpRefusals, ErrorsHaveTheShapeThatTheClientsOfTheTargetExpect) {
  HttpLimits limits;
  limits.max_header_bytes = 1024;
  limits.max_body_bytes = 1024;
  limits.header_timeout = milliseconds(100);
  RunningServer running(limits);
  const std::string head = " /shaped/a?b HTTP/1.1\r\n";
  for (const auto& [bytes, status] : {
           std::pair{"POST" + head + "Host: x\r\nContent-Length: 2000\r\n\r\n", 413},
           std::pair{"GET" + head + "Host: x\r\nx-long: " + std::string(2000, 'a') + "\r\n", 431},
           std::pair{"GET" + head + "\r\n", 400},
           std::pair{"GET" + head + "Host: x\r\nno header\r\n\r\n", 400},
           std::pair{"GET" + head + "Host: x\r\n", 408},
           std::pair{std::string("GET /shaped"), 408},
       }) {
    RawClient client(running.port());
    client.send(bytes);
    const auto answer = client.read_answer();
    EXPECT_EQ(answer.result_int(), static_cast<unsigned>(status)) << bytes;
    EXPECT_EQ(answer.body(), "shaped " + std::to_string(status));
  }
  RawClient client(running.port());
  client.send(get("/shaped/throw"));
  EXPECT_EQ(client.read_answer().body(), "shaped 500");
}

TEST(HttpRefusals, RefusesEndlessChunkExtensions) {
  HttpLimits limits;
  limits.max_header_bytes = 1024;
  RunningServer running(limits);
  RawClient client(running.port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;");
  client.try_send(std::string(100'000, 'e'));
  closing_error(client, 431);
}

TEST(HttpRefusals, AnswersAnOversizeBodyThoughTheClientSendsAllOfIt) {
  HttpLimits limits;
  limits.max_body_bytes = 1u << 20;
  RunningServer running(limits);
  RawClient client(running.port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\n\r\n");
  const std::string part(1u << 20, 'a');
  for (int i = 0; i < 100; ++i) client.send(part);
  client.end_sending();
  EXPECT_THAT(closing_error(client, 413), HasSubstr("1048576 bytes"));
}

TEST(HttpRefusals, RefusesAnOversizeChunkedBody) {
  HttpLimits limits;
  limits.max_body_bytes = 10;
  RunningServer running(limits);
  RawClient client(running.port());
  client.send(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n");
  client.end_sending();
  closing_error(client, 413);
}

TEST(HttpRefusals, RefusesOversizeBeforeSayingContinue) {
  HttpLimits limits;
  limits.max_body_bytes = 10;
  RunningServer running(limits);
  RawClient client(running.port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
  client.end_sending();
  closing_error(client, 413);
}

TEST(HttpRefusals, CutsSlowSenders) {
  HttpLimits limits;
  limits.header_timeout = milliseconds(30);
  limits.body_timeout = milliseconds(30);
  RunningServer running(limits);
  RawClient in_headers(running.port());
  RawClient in_body(running.port());
  in_headers.send("GET / HTTP/1.1\r\nHo");
  in_body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_THAT(closing_error(in_headers, 408), HasSubstr("too long"));
  EXPECT_THAT(closing_error(in_body, 408), HasSubstr("too long"));
}

TEST(HttpRefusals, ClosesIdleConnections) {
  HttpLimits limits;
  limits.idle_timeout = milliseconds(20);
  RunningServer running(limits);
  RawClient silent(running.port());
  EXPECT_EQ(silent.read_to_end(), "");
  RawClient served(running.port());
  served.send(get("/a"));
  EXPECT_EQ(served.read_answer().body(), "GET /a ");
  EXPECT_EQ(served.read_to_end(), "");
}

TEST(HttpRefusals, RefusesRequestsThatEndInTheMiddle) {
  RunningServer running;
  RawClient client(running.port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  client.end_sending();
  EXPECT_THAT(closing_error(client, 400), HasSubstr("in the middle"));
}

TEST(HttpRefusals, ClosesConnectionsOverTheLimit) {
  HttpLimits limits;
  limits.max_connections = 1;
  RunningServer running(limits);
  RawClient first(running.port());
  first.send(get("/a"));
  first.read_answer();
  RawClient second(running.port());
  EXPECT_EQ(second.read_to_end(), "");
  first.send(get("/b"));
  EXPECT_EQ(first.read_answer().body(), "GET /b ");
}

RC_GTEST_PROP(HttpRefusals, GarbageNeverStopsIt, ()) {
  RunningServer running;
  const auto parts = *rc::gen::container<std::vector<std::string>>(rc::gen::oneOf(
      rc::gen::element<std::string>("GET / HTTP/1.1\r\n", "POST /a HTTP/1.1\r\n", "Host: x\r\n",
                                    "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n",
                                    "\r\n", "5\r\nabcde\r\n", "0\r\n\r\n", ": ", "\r", "\n"),
      rc::gen::string<std::string>()));
  std::string garbage;
  for (const auto& part : parts) garbage += part;
  RawClient client(running.port());
  client.try_send(garbage);
  client.end_sending();
  client.read_to_end();
  RawClient next(running.port());
  next.send(get("/a"));
  RC_ASSERT(next.read_answer().body() == "GET /a ");
}

TEST(ErrorBody, IsJsonWhateverTheMessageQuotes) {
  const auto body = boost::json::parse(error_body("bad \"byte\" \xff\n", "t", "p"));
  EXPECT_EQ(body.at("error").at("message").as_string(), "bad \"byte\" \xef\xbf\xbd\n");
  EXPECT_EQ(body.at("error").at("param").as_string(), "p");
  EXPECT_TRUE(body.at("error").at("code").is_null());
}

TEST(ErrorResponse, NamesTheTypeOfTheStatus) {
  EXPECT_THAT(error_response(400, "m").body, HasSubstr("invalid_request_error"));
  EXPECT_THAT(error_response(401, "m").body, HasSubstr("authentication_error"));
  EXPECT_THAT(error_response(429, "m").body, HasSubstr("rate_limit_error"));
  EXPECT_THAT(error_response(503, "m").body, HasSubstr("server_error"));
}

}  // namespace
}  // namespace yardmaster::agent
