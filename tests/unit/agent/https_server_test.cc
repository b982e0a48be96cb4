// The HTTP server over real TLS.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <future>

#include "agent/http/client.h"
#include "agent/http/tls.h"
#include "tests/common/raw_tls_client.h"
#include "tests/common/temp_dir.h"
#include "tests/common/test_certificates.h"
#include "tests/unit/agent/running_server.h"

namespace yardmaster::agent {
namespace {

using std::chrono::milliseconds;
using test::RawClient;
using test::RawTlsClient;
using testing::HasSubstr;

class HttpsServer : public testing::Test {
 protected:
  std::shared_ptr<boost::asio::ssl::context> tls() {
    auto made = make_server_tls(files_.certificate, files_.key);
    EXPECT_TRUE(made) << made.error().message;
    return *made;
  }

  RawTlsClient connect(const RunningServer& server, int newest = 0) {
    return RawTlsClient(server.port(), authority_.certificate, newest);
  }

  std::string path(const std::string& name) { return (directory_.path() / name).string(); }

  test::TempDir directory_;
  test::CertificateFiles authority_ = test::make_certificate_authority(directory_.path());
  test::CertificateFiles files_ =
      test::make_certificate(directory_.path(), "localhost", authority_);
};

TEST_F(HttpsServer, AnswersManyRequestsOfOneConnection) {
  RunningServer server({}, tls());
  RawTlsClient client = connect(server);
  for (int i = 0; i < 3; ++i) {
    client.send(get("/a"));
    EXPECT_EQ(client.read_answer().body(), "GET /a ");
  }
  client.send(get("/large"));
  EXPECT_EQ(client.read_answer().body().size(), 8u << 20);
  const std::string body(3u << 20, 'b');
  client.send(post("/b", body) + get("/c"));
  EXPECT_EQ(client.read_answer().body(), "POST /b " + body);
  EXPECT_EQ(client.read_answer().body(), "GET /c ");
}

TEST_F(HttpsServer, SpeaksTls12And13AndNothingOlder) {
  RunningServer server({}, tls());
  EXPECT_EQ(connect(server).version(), "TLSv1.3");
  EXPECT_EQ(connect(server, TLS1_2_VERSION).version(), "TLSv1.2");
  EXPECT_THROW(connect(server, TLS1_1_VERSION), boost::system::system_error);
}

TEST_F(HttpsServer, TellsAClientOfPlainHttpWhatToDo) {
  RunningServer server({}, tls());
  RawClient client(server.port());
  client.send(get("/a"));
  EXPECT_THAT(closing_error(client, 400), HasSubstr("https://"));
}

TEST_F(HttpsServer, TellsAHandlerThatAsksOfAClientThatLeavesAndAnswersOneThatWaits) {
  {
    RunningServer server({}, tls());
    RawTlsClient client = connect(server);
    client.send(get("/watch"));
    server.wait_until_held();
    client.close();
    server.seen().ended.get_future().get();
  }
  for (const bool ahead : {false, true}) {
    RunningServer server({}, tls());
    RawTlsClient client = connect(server);
    client.send(get("/watch") + (ahead ? get("/a") : ""));
    server.wait_until_held();
    server.release();
    EXPECT_EQ(client.read_answer().body(), "GET /watch ");
    if (!ahead) client.send(get("/a"));
    EXPECT_EQ(client.read_answer().body(), "GET /a ");
    client.send(get("/b"));
    EXPECT_EQ(client.read_answer().body(), "GET /b ");
  }
}

TEST_F(HttpsServer, EndsAConnectionWithACloseNotify) {
  RunningServer server({}, tls());
  RawTlsClient client = connect(server);
  client.send(get("/a", "Connection: close\r\n"));
  EXPECT_EQ(client.read_answer().body(), "GET /a ");
  EXPECT_TRUE(client.ended_cleanly());
}

TEST_F(HttpsServer, StreamsAndThenGoesOn) {
  RunningServer server({}, tls());
  RawTlsClient client = connect(server);
  client.send(get("/stream"));
  EXPECT_EQ(client.read_answer().body(), "onetwo" + std::string(300u << 10, 'y'));
  client.send(get("/a"));
  EXPECT_EQ(client.read_answer().body(), "GET /a ");
}

TEST_F(HttpsServer, ARequestSentDuringAStreamIsAnsweredAfterIt) {
  RunningServer server({}, tls());
  RawTlsClient client = connect(server);
  client.send(get("/stream") + get("/a"));
  EXPECT_EQ(client.read_answer().body().size(), 6 + (300u << 10));
  EXPECT_EQ(client.read_answer().body(), "GET /a ");
  client.send(get("/stream"));
  client.read_until("one");
  client.send(get("/b"));
  client.read_until("0\r\n\r\n");
  EXPECT_EQ(client.read_answer().body(), "GET /b ");
}

TEST_F(HttpsServer, NoticesThatTheClientOfASilentStreamLeaves) {
  for (const bool politely : {true, false}) {
    RunningServer server({}, tls());
    RawTlsClient client = connect(server);
    client.send(get("/stream/silent"));
    client.read_until("one");
    auto ended = server.seen().ended.get_future();
    if (politely) {
      client.leave();
    } else {
      client.close();
    }
    EXPECT_EQ(ended.wait_for(std::chrono::seconds(10)), std::future_status::ready) << politely;
  }
}

TEST_F(HttpsServer, AClientThatTakesNothingOfAStreamIsCut) {
  HttpLimits limits;
  limits.idle_timeout = milliseconds(50);
  RunningServer server(limits, tls());
  RawTlsClient client = connect(server);
  client.send(get("/stream/flood"));
  EXPECT_EQ(server.seen().ended.get_future().wait_for(std::chrono::seconds(10)),
            std::future_status::ready);
}

TEST_F(HttpsServer, AHandshakeHasADeadline) {
  HttpLimits limits;
  limits.header_timeout = milliseconds(30);
  RunningServer server(limits, tls());
  RawClient silent(server.port());
  EXPECT_EQ(silent.read_to_end(), "");
}

TEST_F(HttpsServer, ASlowRequestIsToldSo) {
  HttpLimits limits;
  limits.header_timeout = milliseconds(1000);
  RunningServer server(limits, tls());
  RawTlsClient client = connect(server);
  client.send("GET /a HTTP/1.1\r\n");
  EXPECT_EQ(client.read_answer().result_int(), 408u);
  EXPECT_TRUE(client.ended_cleanly());
}

TEST_F(HttpsServer, DrainsWithoutWaitingForWhoOnlyConnected) {
  RunningServer server({}, tls());
  RawClient silent(server.port());
  RawTlsClient idle = connect(server);
  while (server.server().connections() < 2) {
  }
  EXPECT_EQ(server.start_drain(std::chrono::seconds(30)).wait_for(std::chrono::seconds(10)),
            std::future_status::ready);
}

TEST_F(HttpsServer, GarbageInPlaceOfAHandshakeEndsTheConnectionAlone) {
  RunningServer server({}, tls());
  RawClient garbage(server.port());
  garbage.try_send(std::string(1000, '\x16'));
  garbage.read_to_end();
  RawTlsClient client = connect(server);
  client.send(get("/a"));
  EXPECT_EQ(client.read_answer().body(), "GET /a ");
}

TEST_F(HttpsServer, FilesThatAreNoneAreToldApart) {
  const auto error_of = [](const std::string& certificate, const std::string& key) {
    const auto made = make_server_tls(certificate, key);
    return made ? std::string() : made.error().message;
  };
  const std::string certificate = files_.certificate, key = files_.key;
  EXPECT_THAT(error_of(path("none.pem"), key),
              HasSubstr("listen.tls.certificate '" + path("none.pem") + "' cannot be read"));
  EXPECT_THAT(error_of(certificate, path("none.key")),
              HasSubstr("listen.tls.private_key '" + path("none.key") + "' cannot be read"));
  EXPECT_THAT(error_of(key, key), HasSubstr("holds no certificate in PEM"));
  EXPECT_THAT(error_of(certificate, certificate), HasSubstr("holds no private key in PEM"));
  EXPECT_THAT(error_of(certificate, authority_.key),
              HasSubstr("is not the key of the certificate"));
  std::ofstream(path("empty.pem")) << "";
  EXPECT_THAT(error_of(path("empty.pem"), key), HasSubstr("is empty"));
}

/// The client of commands.
class HttpsClient : public HttpsServer {
 protected:
  Result<HttpClient::Answer> ask(const std::string& url, const std::string& ca_file) {
    auto tls = make_client_tls(ca_file);
    EXPECT_TRUE(tls) << tls.error().message;
    boost::asio::io_context io;
    HttpClient client(io.get_executor(), parse_http_endpoint(url).value(), "",
                      std::chrono::seconds(10), *tls);
    Result<HttpClient::Answer> answer = fail(ErrorCode::io, "not sent");
    for (int i = 0; i < 2; ++i) {
      boost::asio::co_spawn(io, client.send("/a", std::nullopt, {}),
                            [&](std::exception_ptr error, Result<HttpClient::Answer> got) {
                              if (!error) answer = std::move(got);
                            });
      io.restart();
      io.run();
    }
    return answer;
  }
};

TEST_F(HttpsClient, TalksToADaemonThatItTrustsAndToNoOther) {
  RunningServer server({}, tls());
  const std::string port = std::to_string(server.port());
  const auto answer = ask("https://localhost:" + port, authority_.certificate);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->body(), "GET /a ");
  const auto stranger = ask("https://localhost:" + port, "");
  ASSERT_FALSE(stranger);
  EXPECT_THAT(stranger.error().message, HasSubstr("its certificate is not trusted"));
  const auto misnamed = ask("https://127.0.0.1:" + port, authority_.certificate);
  ASSERT_FALSE(misnamed);
  EXPECT_THAT(misnamed.error().message, HasSubstr("mismatch"));
}

TEST(HttpEndpoint, ReadsHttpAndHttps) {
  EXPECT_EQ(parse_http_endpoint("https://h/x/")->port, "443");
  EXPECT_TRUE(parse_http_endpoint("https://h/x/")->tls);
  EXPECT_EQ(parse_http_endpoint("http://h")->port, "80");
  EXPECT_FALSE(parse_http_endpoint("http://h")->tls);
  EXPECT_FALSE(parse_http_endpoint("ftp://h"));
}

}  // namespace
}  // namespace yardmaster::agent
