#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "agent/http/server.h"
#include "tests/common/raw_client.h"

namespace yardmaster::agent {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using std::chrono::milliseconds;
using test::RawClient;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// A server on its own thread, with a handler that does what the path asks for.
class RunningServer {
 public:
  explicit RunningServer(HttpLimits limits = {}) : work_(io_.get_executor()), held_(io_) {
    held_.expires_at(asio::steady_timer::time_point::max());
    server_ =
        std::move(*HttpServer::listen(io_, "127.0.0.1", 0, limits, [this](HttpRequest request) {
          return answer(std::move(request));
        }));
    server_->start();
    thread_ = std::thread([this] { io_.run(); });
  }

  ~RunningServer() {
    release();
    start_drain(milliseconds(0)).get();
    io_.stop();
    thread_.join();
  }

  std::uint16_t port() const { return server_->port(); }
  HttpServer& server() { return *server_; }

  std::future<void> start_drain(milliseconds grace) {
    return asio::co_spawn(io_, server_->drain(grace), asio::use_future);
  }

  /// Waits until a request for /hold is in the handler.
  void wait_until_held() { holding_.get_future().get(); }

  /// Lets requests for /hold go on.
  void release() {
    asio::post(io_, [this] { held_.cancel(); });
  }

 private:
  asio::awaitable<HttpResponse> answer(HttpRequest request) {
    const std::string target(request.target());
    if (target == "/throw") throw std::runtime_error("the secret of the inside");
    if (target == "/slow") {
      for (int turn = 0; turn < 10; ++turn) co_await asio::post(io_, asio::use_awaitable);
    }
    if (target == "/hold") {
      holding_.set_value();
      co_await held_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    HttpResponse response;
    response.content_type = "text/plain";
    response.headers.emplace_back("x-line", "a\r\nx-injected: b");
    response.body = std::string(request.method_string()) + " " + target + " " + request.body();
    if (target == "/large") response.body.assign(8u << 20, 'x');
    co_return response;
  }

  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer held_;
  std::promise<void> holding_;
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
};

std::string get(std::string_view path, std::string_view headers = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n" + std::string(headers) + "\r\n";
}

std::string post(std::string_view path, const std::string& body) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

/// The error's message, from an answer that must have OpenAI's shape and close the connection.
std::string closing_error(RawClient& client, unsigned status) {
  const auto answer = client.read_answer();
  EXPECT_EQ(answer.result_int(), status);
  EXPECT_EQ(answer[http::field::connection], "close");
  EXPECT_EQ(client.read_to_end(), "");
  const auto body = boost::json::parse(answer.body());
  const auto& error = body.at("error");
  EXPECT_TRUE(error.as_object().contains("type") && error.as_object().contains("param") &&
              error.as_object().contains("code"));
  return error.at("message").as_string().c_str();
}

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

TEST(HttpServer, RefusesWhatIsNotHttp) {
  RunningServer running;
  RawClient client(running.port());
  client.send("\x16\x03\x01 this is no HTTP\r\n\r\n");
  EXPECT_THAT(closing_error(client, 400), HasSubstr("not a well-formed HTTP/1.1 request"));
}

TEST(HttpServer, RefusesTwoLengthsForOneBody) {
  RunningServer running;
  RawClient client(running.port());
  client.send(
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
  closing_error(client, 400);
}

TEST(HttpServer, RefusesRequestsWithoutHost) {
  RunningServer running;
  RawClient client(running.port());
  client.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_THAT(closing_error(client, 400), HasSubstr("Host"));
}

TEST(HttpServer, RefusesUnknownTransferEncodingsAndExpectations) {
  RunningServer running;
  RawClient gzip(running.port());
  gzip.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n");
  closing_error(gzip, 501);
  RawClient expecting(running.port());
  expecting.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: magic\r\nContent-Length: 1\r\n\r\n");
  closing_error(expecting, 417);
}

TEST(HttpServer, RefusesLargeHeaders) {
  HttpLimits limits;
  limits.max_header_bytes = 1024;
  RunningServer running(limits);
  RawClient client(running.port());
  client.send(get("/a", "x-long: " + std::string(2000, 'a') + "\r\n"));
  EXPECT_THAT(closing_error(client, 431), HasSubstr("1024 bytes"));
}

TEST(HttpServer, RefusesEndlessChunkExtensions) {
  HttpLimits limits;
  limits.max_header_bytes = 1024;
  RunningServer running(limits);
  RawClient client(running.port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;");
  client.try_send(std::string(100'000, 'e'));
  closing_error(client, 431);
}

TEST(HttpServer, AnswersAnOversizeBodyThoughTheClientSendsAllOfIt) {
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

TEST(HttpServer, RefusesAnOversizeChunkedBody) {
  HttpLimits limits;
  limits.max_body_bytes = 10;
  RunningServer running(limits);
  RawClient client(running.port());
  client.send(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n");
  client.end_sending();
  closing_error(client, 413);
}

TEST(HttpServer, RefusesOversizeBeforeSayingContinue) {
  HttpLimits limits;
  limits.max_body_bytes = 10;
  RunningServer running(limits);
  RawClient client(running.port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
  client.end_sending();
  closing_error(client, 413);
}

TEST(HttpServer, CutsSlowSenders) {
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

TEST(HttpServer, ClosesIdleConnections) {
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

TEST(HttpServer, AnswersClientsThatCloseTheirSideFirst) {
  RunningServer running;
  RawClient client(running.port());
  client.send(post("/slow", "x"));
  client.end_sending();
  EXPECT_EQ(client.read_answer().body(), "POST /slow x");
  EXPECT_EQ(client.read_to_end(), "");
}

TEST(HttpServer, RefusesRequestsThatEndInTheMiddle) {
  RunningServer running;
  RawClient client(running.port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  client.end_sending();
  EXPECT_THAT(closing_error(client, 400), HasSubstr("in the middle"));
}

TEST(HttpServer, ClosesConnectionsOverTheLimit) {
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

RC_GTEST_PROP(HttpServerProperty, GarbageNeverStopsIt, ()) {
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
  EXPECT_EQ(body.at("error").at("message").as_string(), "bad \"byte\" ?\n");
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
