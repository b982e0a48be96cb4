// Upstreams over TLS, and which specs make_upstream refuses.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <optional>

#include "tests/common/temp_dir.h"
#include "tests/common/test_certificates.h"
#include "tests/unit/env/upstream_client.h"

namespace yardmaster::env {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using test::ScriptedServer;
using testing::HasSubstr;
using testing::Not;
using Peer = ScriptedServer::Peer;

/// An authority and a server certificate for `host`, made for the test.
class Tls : public testing::Test {
 protected:
  ScriptedServer& serve(const std::string& host, ScriptedServer::Script script = answer_all) {
    return server_.emplace(std::move(script),
                           test::make_certificate(directory_.path(), host, authority_));
  }

  UpstreamSpec secure(const std::string& host) {
    UpstreamSpec spec = plain(*server_);
    spec.base_url = "https://" + host + ":" + std::to_string(server_->port()) + "/v1";
    spec.ca_file = authority_.certificate;
    return spec;
  }

  test::TempDir directory_;
  test::CertificateFiles authority_ = test::make_certificate_authority(directory_.path());
  std::optional<ScriptedServer> server_;
};

TEST_F(Tls, TalksToAHostWhoseCertificateIsGood) {
  std::string asked;
  serve("localhost", [&](Peer& peer) {
    asked = peer.asked_host();
    answer_all(peer);
  });
  Client client(secure("localhost"));
  const auto answer = client.chat();
  EXPECT_EQ(body_of(answer), "1");
  EXPECT_EQ(body_of(client.chat(std::string(3u << 20, ' '))), "2");
  EXPECT_EQ(server_->connections(), 1);
  EXPECT_EQ(asked, "localhost");
}

TEST_F(Tls, TalksToAnAddressThatTheCertificateNames) {
  serve("127.0.0.1");
  Client client(secure("127.0.0.1"));
  const auto answer = client.chat();
  EXPECT_EQ(body_of(answer), "1");
}

TEST_F(Tls, RefusesACertificateOfAnotherHost) {
  bool got_request = false;
  serve("other.example", [&](Peer& peer) { got_request = peer.read().has_value(); });
  for (const std::string host : {"localhost", "127.0.0.1"}) {
    Client client(secure(host));
    const Error error = failure(client.chat());
    EXPECT_EQ(error.code, ErrorCode::unavailable);
    EXPECT_THAT(error.message, HasSubstr("its certificate is not trusted"));
    EXPECT_THAT(error.message, HasSubstr("mismatch"));
    EXPECT_EQ(client.connections().open(), 0u);
  }
  server_.reset();
  EXPECT_FALSE(got_request);
}

TEST_F(Tls, RefusesACertificateOfAnUnknownAuthority) {
  serve("localhost");
  UpstreamSpec spec = secure("localhost");
  spec.ca_file.clear();  // the system does not know the authority made for this test
  Client client(spec);
  const Error error = failure(client.chat());
  EXPECT_EQ(error.code, ErrorCode::unavailable);
  EXPECT_THAT(error.message, HasSubstr("its certificate is not trusted"));
}

TEST_F(Tls, ResumesTheSessionOnTheNextConnection) {
  std::vector<bool> resumed;
  serve("localhost", [&](Peer& peer) {
    resumed.push_back(peer.resumed());
    peer.read();
    peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}");
  });
  Client client(secure("localhost"));
  ASSERT_TRUE(client.chat());
  ASSERT_TRUE(client.chat());
  server_.reset();
  EXPECT_THAT(resumed, testing::ElementsAre(false, true));
}

TEST_F(Tls, GivesUpOnAHandshakeAtTheConnectDeadline) {
  ScriptedServer silent([](Peer& peer) { peer.wait_for_close(); });
  UpstreamSpec spec = plain(silent);
  spec.base_url.replace(0, 4, "https");
  spec.connect_timeout = milliseconds(30);
  Client client(spec);
  const Error error = failure(client.chat());
  EXPECT_EQ(error.code, ErrorCode::unavailable);
  EXPECT_THAT(error.message, HasSubstr("connect deadline"));
}

TEST_F(Tls, IsUnavailableWhereTheServerSpeaksNoTls) {
  ScriptedServer talker([](Peer& peer) {
    peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    peer.wait_for_close();
  });
  UpstreamSpec spec = plain(talker);
  spec.base_url.replace(0, 4, "https");
  Client client(spec);
  const Error error = failure(client.chat());
  EXPECT_EQ(error.code, ErrorCode::unavailable);
  EXPECT_THAT(error.message, HasSubstr("TLS failed"));
}

TEST(MakeUpstream, RefusesUrlsThatAreNone) {
  asio::io_context io{1};
  for (const std::string url : {"", "api.example.com/v1", "ftp://a/", "https://", "http:///v1",
                                "https://user:pw@a/v1", "https://a/v1?key=1", "https://a:99999/"}) {
    UpstreamSpec spec;
    spec.name = "hosted";
    spec.base_url = url;
    const auto made = make_upstream(spec, io.get_executor());
    ASSERT_FALSE(made) << url;
    EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(made.error().message, HasSubstr("base_url"));
  }
}

TEST(MakeUpstream, RefusesAKeyWithALineBreakWithoutTellingIt) {
  asio::io_context io{1};
  UpstreamSpec spec;
  spec.base_url = "https://a/v1";
  spec.api_key = std::string(kKey) + "\n";
  const auto made = make_upstream(spec, io.get_executor());
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(made.error().message, Not(HasSubstr(kKey)));
}

TEST(MakeUpstream, RefusesACaFileThatCannotBeRead) {
  asio::io_context io{1};
  UpstreamSpec spec;
  spec.base_url = "https://a/v1";
  spec.ca_file = "/nowhere/ca.pem";
  const auto made = make_upstream(spec, io.get_executor());
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::io);
  EXPECT_THAT(made.error().message, HasSubstr("/nowhere/ca.pem"));
}

TEST(MakeUpstream, MakesSimulatedOnes) {
  asio::io_context io{1};
  UpstreamSpec spec;
  spec.kind = UpstreamSpec::Kind::simulated;
  EXPECT_TRUE(make_upstream(spec, io.get_executor()));
}

}  // namespace
}  // namespace yardmaster::env
