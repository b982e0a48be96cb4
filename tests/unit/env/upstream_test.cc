#include "env/upstream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <functional>
#include <optional>

#include "tests/unit/env/upstream_client.h"

namespace yardmaster::env {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using std::chrono::milliseconds;
using test::ScriptedServer;
using testing::HasSubstr;
using Peer = ScriptedServer::Peer;

TEST(HttpUpstream, SendsTheCallAndReadsTheAnswer) {
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

TEST(HttpUpstream, AsksForTheListOfModels) {
  std::optional<ScriptedServer::Request> seen;
  ScriptedServer server([&](Peer& peer) {
    while (auto request = peer.read()) {
      seen = std::move(request);
      peer.answer(R"({"data":[]})");
    }
  });
  UpstreamSpec spec = plain(server);
  for (const auto kind : {UpstreamSpec::Kind::openai, UpstreamSpec::Kind::anthropic}) {
    spec.kind = kind;
    Client client(spec);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    for (int i = 0; i < 2; ++i) {
      const auto answer = run(client.io(), client.upstream().list_models(deadline));
      ASSERT_TRUE(answer) << answer.error().message;
      EXPECT_EQ(answer->status, 200u);
      EXPECT_EQ(body_of(answer), R"({"data":[]})");
    }
    EXPECT_EQ(seen->method(), http::verb::get);
    EXPECT_EQ(seen->target(), "/v1/models");
    EXPECT_EQ(client.connections().open(), 1u) << "kept for what comes next";
  }
  EXPECT_EQ((*seen)["x-api-key"], kKey);
  EXPECT_EQ((*seen)["anthropic-version"], "2023-06-01");
}

TEST(HttpUpstream, GivesUpOnTheListOfModelsAtItsDeadline) {
  ScriptedServer server([](Peer& peer) { peer.wait_for_close(); });
  Client client(plain(server));
  const auto deadline = std::chrono::steady_clock::now() + milliseconds(50);
  const auto answer = run(client.io(), client.upstream().list_models(deadline));
  EXPECT_EQ(failure(answer).code, ErrorCode::timed_out);
}

TEST(HttpUpstream, LeavesOutATraceparentThatCouldEndTheHeader) {
  std::optional<ScriptedServer::Request> seen;
  ScriptedServer server([&](Peer& peer) {
    seen = peer.read();
    peer.answer("{}");
  });
  Client client(plain(server));
  ASSERT_TRUE(client.chat("{}", "00\r\nx-injected: 1"));
  EXPECT_EQ(seen->count("traceparent") + seen->count("x-injected"), 0u);
}

TEST(HttpUpstream, KeepsConnectionsForLaterCalls) {
  ScriptedServer server(answer_all);
  Client client(plain(server));
  EXPECT_EQ(body_of(client.chat()), "1");
  EXPECT_EQ(body_of(client.chat()), "2");
  EXPECT_EQ(body_of(client.chat(std::string(3u << 20, ' '))), "3");
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(client.connections().idle(), 1u);
}

TEST(HttpUpstream, TakesAnErrorStatusForAnAnswer) {
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

TEST(HttpUpstream, ReadsBodiesInChunksAfterAnInterimAnswer) {
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

TEST(HttpUpstream, ReadsBodiesThatEndWithTheConnection) {
  ScriptedServer server([](Peer& peer) {
    peer.read();
    peer.send("HTTP/1.1 200 OK\r\n\r\nuntil the end");
  });
  Client client(plain(server));
  const auto answer = client.chat();
  EXPECT_EQ(body_of(answer), "until the end");
  EXPECT_EQ(client.connections().open(), 0u);
}

TEST(HttpUpstream, SendsAgainOnceWhenAKeptConnectionWasClosed) {
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

TEST(HttpUpstream, NeverSendsAgainOnAConnectionOfItsOwn) {
  ScriptedServer server([](Peer& peer) { peer.read(); });
  Client client(plain(server));
  const Error error = failure(client.chat());
  EXPECT_EQ(error.code, ErrorCode::io);
  EXPECT_THAT(error.message, HasSubstr("before an answer came"));
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(client.connections().open(), 0u);
}

TEST(HttpUpstream, NeverSendsAgainOnceAnAnswerHasBegun) {
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

TEST(HttpUpstream, GivesUpAtTheDeadline) {
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

TEST(HttpUpstream, GivesUpOnAnAnswerThatTrickles) {
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

TEST(HttpUpstream, IsUnavailableWhereNobodyListens) {
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

TEST(HttpUpstream, IsUnavailableWhereTheHostHasNoAddress) {
  UpstreamSpec spec;
  spec.name = "hosted";
  spec.base_url = "http://nowhere.invalid/v1";  // RFC 6761: never resolves
  Client client(spec);
  const Error error = failure(client.chat());
  EXPECT_EQ(error.code, ErrorCode::unavailable);
  EXPECT_THAT(error.message, HasSubstr("nowhere.invalid"));
  EXPECT_EQ(client.connections().open(), 0u);
}

TEST(HttpUpstream, RefusesAnswersOverTheLimit) {
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

TEST(HttpUpstream, RefusesWhatIsNotHttp) {
  ScriptedServer server([](Peer& peer) {
    peer.send("220 mail.example ESMTP\r\n\r\n");
    peer.wait_for_close();
  });
  Client client(plain(server));
  const Error error = failure(client.chat());
  EXPECT_EQ(error.code, ErrorCode::io);
  EXPECT_THAT(error.message, HasSubstr("not HTTP/1.1"));
}

TEST(HttpUpstream, LetsCallsWaitForAConnection) {
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

TEST(HttpUpstream, FreesTheConnectionOfACancelledCall) {
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

}  // namespace
}  // namespace yardmaster::env
