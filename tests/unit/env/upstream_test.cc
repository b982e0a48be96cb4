#include "env/upstream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <functional>
#include <optional>

#include "env/connection_pool.h"
#include "env/openai_upstream.h"
#include "tests/common/scripted_server.h"
#include "tests/common/temp_dir.h"
#include "tests/common/test_certificates.h"

namespace yardmaster::env {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using std::chrono::milliseconds;
using test::ScriptedServer;
using testing::HasSubstr;
using testing::Not;
using Peer = ScriptedServer::Peer;

constexpr char kKey[] = "sk-very-secret";

/// Runs a coroutine to its end on this thread.
template <class T>
T run(asio::io_context& io, asio::awaitable<T> work) {
  std::optional<T> result;
  asio::co_spawn(io, std::move(work), [&](std::exception_ptr failed, T value) {
    if (failed) std::rethrow_exception(failed);
    result.emplace(std::move(value));
    io.stop();
  });
  io.restart();
  io.run();
  return std::move(*result);
}

/// A client of one upstream on its own io_context.
class Client {
 public:
  explicit Client(UpstreamSpec spec)
      : upstream_(std::move(*OpenAiUpstream::make(spec, io_.get_executor()))) {}

  Result<ChatAnswer> chat(std::string body = "{}", std::string traceparent = "") {
    return run(io_, upstream_->chat({nullptr, std::move(body), std::move(traceparent)}));
  }

  const ConnectionPool& connections() const {
    return static_cast<OpenAiUpstream&>(*upstream_).connections();
  }

  asio::io_context& io() { return io_; }
  Upstream& upstream() { return *upstream_; }

 private:
  asio::io_context io_{1};
  std::unique_ptr<Upstream> upstream_;
};

UpstreamSpec plain(const ScriptedServer& server) {
  UpstreamSpec spec;
  spec.name = "hosted";
  spec.base_url = "http://127.0.0.1:" + std::to_string(server.port()) + "/v1";
  spec.api_key = kKey;
  return spec;
}

/// The error of a call that must fail. No error may tell the key.
Error failure(const Result<ChatAnswer>& result) {
  EXPECT_FALSE(result);
  if (result) return {};
  EXPECT_THAT(result.error().message, HasSubstr("upstream 'hosted'"));
  EXPECT_THAT(result.error().message, Not(HasSubstr(kKey)));
  return result.error();
}

/// The body of an answer, or what went wrong.
std::string body_of(const Result<ChatAnswer>& result) {
  return result ? result->body : result.error().message;
}

/// Answers each request with its number.
void answer_all(Peer& peer) {
  for (int i = 1; peer.read(); ++i) peer.answer(std::to_string(i));
}

TEST(OpenAiUpstream, SendsTheCallAndReadsTheAnswer) {
  std::optional<ScriptedServer::Request> seen;
  ScriptedServer server([&](Peer& peer) {
    seen = peer.read();
    peer.answer(R"({"id":"1"})");
    peer.wait_for_close();
  });
  UpstreamSpec spec = plain(server);
  spec.base_url += "/deployments/a%20b/";
  Client client(spec);
  const auto answer = client.chat(R"({"model":"m"})", "00-aa-bb-01");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 200u);
  EXPECT_EQ(answer->content_type, "application/json");
  EXPECT_EQ(body_of(answer), R"({"id":"1"})");
  EXPECT_GT(answer->latency_s, 0);
  EXPECT_EQ(seen->method(), http::verb::post);
  EXPECT_EQ(seen->target(), "/v1/deployments/a%20b/chat/completions");
  EXPECT_EQ(seen->body(), R"({"model":"m"})");
  EXPECT_EQ((*seen)[http::field::host], "127.0.0.1:" + std::to_string(server.port()));
  EXPECT_EQ((*seen)[http::field::authorization], std::string("Bearer ") + kKey);
  EXPECT_EQ((*seen)[http::field::content_type], "application/json");
  EXPECT_EQ((*seen)[http::field::accept_encoding], "identity");
  EXPECT_EQ((*seen)["traceparent"], "00-aa-bb-01");
}

TEST(OpenAiUpstream, LeavesOutATraceparentThatCouldEndTheHeader) {
  std::optional<ScriptedServer::Request> seen;
  ScriptedServer server([&](Peer& peer) {
    seen = peer.read();
    peer.answer("{}");
  });
  Client client(plain(server));
  ASSERT_TRUE(client.chat("{}", "00\r\nx-injected: 1"));
  EXPECT_EQ(seen->count("traceparent") + seen->count("x-injected"), 0u);
}

TEST(OpenAiUpstream, KeepsConnectionsForLaterCalls) {
  ScriptedServer server(answer_all);
  Client client(plain(server));
  EXPECT_EQ(body_of(client.chat()), "1");
  EXPECT_EQ(body_of(client.chat()), "2");
  EXPECT_EQ(body_of(client.chat(std::string(3u << 20, ' '))), "3");
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(client.connections().idle(), 1u);
}

TEST(OpenAiUpstream, TakesAnErrorStatusForAnAnswer) {
  ScriptedServer server([](Peer& peer) {
    peer.read();
    peer.send("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}");
    peer.wait_for_close();
  });
  Client client(plain(server));
  const auto answer = client.chat();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 429u);
  EXPECT_EQ(answer->retry_after, "7");
  EXPECT_EQ(body_of(answer), "{}");
}

TEST(OpenAiUpstream, ReadsBodiesInChunksAfterAnInterimAnswer) {
  ScriptedServer server([](Peer& peer) {
    peer.read();
    peer.send("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n");
    peer.send("4\r\n\":1}\r\n0\r\n\r\n");
    peer.wait_for_close();
  });
  Client client(plain(server));
  const auto answer = client.chat();
  EXPECT_EQ(body_of(answer), R"({"a":1})");
  EXPECT_EQ(client.connections().idle(), 1u);
}

TEST(OpenAiUpstream, ReadsBodiesThatEndWithTheConnection) {
  ScriptedServer server([](Peer& peer) {
    peer.read();
    peer.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
  });
  Client client(plain(server));
  const auto answer = client.chat();
  EXPECT_EQ(body_of(answer), "until the end");
  EXPECT_EQ(client.connections().open(), 0u);
}

TEST(OpenAiUpstream, SendsAgainOnceWhenAKeptConnectionWasClosed) {
  ScriptedServer server([](Peer& peer) {
    peer.read();
    peer.answer("first");
    peer.read();
    if (peer.number() == 1) peer.answer("not reached");
  });
  Client client(plain(server));
  EXPECT_EQ(body_of(client.chat()), "first");
  const auto again = client.chat();
  EXPECT_EQ(body_of(again), "first");
  EXPECT_EQ(server.connections(), 2);
}

TEST(OpenAiUpstream, NeverSendsAgainOnAConnectionOfItsOwn) {
  ScriptedServer server([](Peer& peer) { peer.read(); });
  Client client(plain(server));
  const Error error = failure(client.chat());
  EXPECT_EQ(error.code, ErrorCode::io);
  EXPECT_THAT(error.message, HasSubstr("before an answer came"));
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(client.connections().open(), 0u);
}

TEST(OpenAiUpstream, NeverSendsAgainOnceAnAnswerHasBegun) {
  ScriptedServer server([](Peer& peer) {
    peer.read();
    peer.answer("first");
    peer.read();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half");
  });
  Client client(plain(server));
  EXPECT_EQ(body_of(client.chat()), "first");
  const Error error = failure(client.chat());
  EXPECT_EQ(error.code, ErrorCode::io);
  EXPECT_THAT(error.message, HasSubstr("in the middle of the answer"));
  EXPECT_EQ(server.connections(), 1);
}

TEST(OpenAiUpstream, GivesUpAtTheDeadline) {
  ScriptedServer server([](Peer& peer) { peer.wait_for_close(); });
  UpstreamSpec spec = plain(server);
  spec.total_timeout = milliseconds(30);
  Client client(spec);
  const Error error = failure(client.chat());
  EXPECT_EQ(error.code, ErrorCode::timed_out);
  EXPECT_THAT(error.message, HasSubstr("deadline of 30 ms"));
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(client.connections().open(), 0u);
}

TEST(OpenAiUpstream, GivesUpOnAnAnswerThatTrickles) {
  ScriptedServer server([](Peer& peer) {
    peer.read();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half");
    peer.wait_for_close();
  });
  UpstreamSpec spec = plain(server);
  spec.total_timeout = milliseconds(30);
  Client client(spec);
  EXPECT_THAT(failure(client.chat()).message, HasSubstr("deadline"));
}

TEST(OpenAiUpstream, IsUnavailableWhereNobodyListens) {
  UpstreamSpec spec;
  {
    ScriptedServer gone([](Peer&) {});
    spec = plain(gone);
  }
  Client client(spec);
  const Error error = failure(client.chat());
  EXPECT_EQ(error.code, ErrorCode::unavailable);
  EXPECT_THAT(error.message, HasSubstr("refused"));
  EXPECT_EQ(client.connections().open(), 0u);
}

TEST(OpenAiUpstream, IsUnavailableWhereTheHostHasNoAddress) {
  UpstreamSpec spec;
  spec.name = "hosted";
  spec.base_url = "http://nowhere.invalid/v1";  // RFC 6761: never resolves
  Client client(spec);
  const Error error = failure(client.chat());
  EXPECT_EQ(error.code, ErrorCode::unavailable);
  EXPECT_THAT(error.message, HasSubstr("nowhere.invalid"));
  EXPECT_EQ(client.connections().open(), 0u);
}

TEST(OpenAiUpstream, RefusesAnswersOverTheLimit) {
  ScriptedServer server([](Peer& peer) {
    peer.read();
    if (peer.number() == 0) {
      peer.answer(std::string(1001, 'x'));
    } else {
      peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n");
      peer.send(std::string(1001, 'x'));
    }
    peer.wait_for_close();
  });
  UpstreamSpec spec = plain(server);
  spec.max_response_bytes = 1000;
  Client client(spec);
  for (int call = 0; call < 2; ++call) {
    const Error error = failure(client.chat());
    EXPECT_EQ(error.code, ErrorCode::io);
    EXPECT_THAT(error.message, HasSubstr("larger than 1000 bytes"));
  }
  EXPECT_EQ(server.connections(), 2);
}

TEST(OpenAiUpstream, RefusesWhatIsNotHttp) {
  ScriptedServer server([](Peer& peer) {
    peer.send("220 mail.example ESMTP\r\n\r\n");
    peer.wait_for_close();
  });
  Client client(plain(server));
  const Error error = failure(client.chat());
  EXPECT_EQ(error.code, ErrorCode::io);
  EXPECT_THAT(error.message, HasSubstr("not HTTP/1.1"));
}

TEST(OpenAiUpstream, LetsCallsWaitForAConnection) {
  ScriptedServer server(answer_all);
  UpstreamSpec spec = plain(server);
  spec.max_connections = 1;
  Client client(spec);
  std::vector<std::string> answers;
  const auto collect = [&](std::exception_ptr, const Result<ChatAnswer>& answer) {
    answers.push_back(body_of(answer));
    if (answers.size() == 3) client.io().stop();
  };
  for (int i = 0; i < 3; ++i) {
    asio::co_spawn(client.io(), client.upstream().chat({nullptr, "{}", ""}), collect);
  }
  client.io().run();
  EXPECT_THAT(answers, testing::ElementsAre("1", "2", "3"));
  EXPECT_EQ(server.connections(), 1);
}

TEST(OpenAiUpstream, FreesTheConnectionOfACancelledCall) {
  ScriptedServer server([](Peer& peer) {
    if (peer.number() > 0) return answer_all(peer);
    peer.wait_for_close();
  });
  UpstreamSpec spec = plain(server);
  spec.max_connections = 1;
  Client client(spec);
  asio::cancellation_signal cancel;
  bool ended = false;
  const auto end = [&](std::exception_ptr, const Result<ChatAnswer>&) { ended = true; };
  asio::co_spawn(client.io(), client.upstream().chat({nullptr, "{}", ""}),
                 asio::bind_cancellation_slot(cancel.slot(), end));
  while (server.connections() == 0) client.io().run_one_for(milliseconds(1));
  EXPECT_EQ(client.connections().open(), 1u);
  cancel.emit(asio::cancellation_type::terminal);
  while (!ended) client.io().run_one();
  EXPECT_EQ(client.connections().open(), 0u);
  EXPECT_EQ(body_of(client.chat()), "1");
}

TEST(ConnectionPool, GivesNoLeaseAfterTheDeadline) {
  asio::io_context io{1};
  const auto pool = std::make_shared<ConnectionPool>(io.get_executor(), 1, milliseconds(1000));
  const auto now = std::chrono::steady_clock::now();
  auto first = run(io, pool->acquire(now));
  ASSERT_TRUE(first);
  EXPECT_FALSE(run(io, pool->acquire(now)));
  EXPECT_EQ(pool->open(), 1u);
  first.reset();
  EXPECT_EQ(pool->open(), 0u);
  EXPECT_TRUE(run(io, pool->acquire(now)));
}

TEST(ConnectionPool, ClosesConnectionsThatWereIdleForLong) {
  asio::io_context io{1};
  ScriptedServer server([](Peer& peer) { peer.wait_for_close(); });
  const auto pool = std::make_shared<ConnectionPool>(io.get_executor(), 2, milliseconds(5));
  {
    auto lease = run(io, pool->acquire(std::chrono::steady_clock::now()));
    auto connection = std::make_unique<UpstreamConnection>(io.get_executor(), nullptr);
    const Origin origin{"hosted", "127.0.0.1", std::to_string(server.port()), false};
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    ASSERT_TRUE(run(io, connection->open(origin, deadline)));
    lease->set(std::move(connection));
    lease->keep();
  }
  EXPECT_EQ(pool->idle(), 1u);
  io.restart();
  while (pool->idle() > 0) io.run_one();
  EXPECT_EQ(pool->open(), 0u);
}

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
