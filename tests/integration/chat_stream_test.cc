// Streamed chat completions.

#include <gmock/gmock.h>

#include <chrono>
#include <future>
#include <thread>

#include "tests/common/raw_client.h"
#include "tests/common/scripted_server.h"
#include "tests/integration/daemon_fixture.h"

namespace yardmaster {
namespace {

using test::chunk;
using test::kStreamHead;
using test::ScriptedServer;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Peer = ScriptedServer::Peer;

constexpr char kHi[] = "data: {\"id\":\"c1\",\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";
constexpr char kUsage[] =
    "data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":1000,"
    "\"completion_tokens\":2000}}\n\n";
constexpr char kEnd[] = "data: [DONE]\n\n";

class ChatStream : public test::DaemonFixture {
 protected:
  /// A model "scripted" whose upstream does what the script says.
  void serve(ScriptedServer::Script script, const std::string& more = "") {
    server_ = std::make_unique<ScriptedServer>(std::move(script));
    more_upstreams_ = ", {name: played, kind: openai, base_url: 'http://127.0.0.1:" +
                      std::to_string(server_->port()) + "/v1'" + more + "}";
    more_models_ =
        "  - {name: scripted, upstream: played, input_usd_per_mtok: 1, output_usd_per_mtok: 2}\n";
    start();
  }

  static std::string body(const std::string& model, const std::string& more = "") {
    return R"({"model": ")" + model +
           R"(", "stream": true, "messages": [{"role": "user", "content": "hi"}])" + more + "}";
  }

  Reply ask(const std::string& model, const std::string& more = "") {
    return post("/v1/chat/completions", body(model, more));
  }

  /// A request by hand, for clients that read bit by bit.
  std::string request(const std::string& model) {
    const std::string text = body(model);
    return "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
           "Content-Length: " +
           std::to_string(text.size()) + "\r\n\r\n" + text;
  }

  boost::json::object record_of(const std::string& id) { return get("/v1/decisions/" + id).json(); }

  /// The outcome, once it is there.
  boost::json::object outcome_of(const std::string& id) {
    while (true) {
      const auto record = record_of(id);
      if (record.contains("outcome")) return record.at("outcome").as_object();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

  static boost::json::object closing_comment(const std::string& stream) {
    constexpr std::string_view kStart = ": yardmaster ";
    const std::size_t at = stream.find(kStart);
    if (at == std::string::npos) return {};
    const std::size_t begin = at + kStart.size();
    return boost::json::parse(stream.substr(begin, stream.find('\n', begin) - begin)).as_object();
  }

  std::unique_ptr<ScriptedServer> server_;
};

TEST_F(ChatStream, ASimulatedModelStreamsAndTheDecisionIsInTheHeadersAndTheLastComment) {
  start();
  const Reply reply = ask("auto");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_THAT(reply.header("content-type"), StartsWith("text/event-stream"));
  EXPECT_THAT(reply.text, StartsWith("data: {"));
  EXPECT_THAT(reply.text, EndsWith(kEnd));
  EXPECT_THAT(reply.text, Not(HasSubstr("prompt_tokens"))) << "the client did not ask for it";
  const std::string id = reply.header("x-yardmaster-decision-id");
  const auto closing = closing_comment(reply.text);
  EXPECT_EQ(closing.at("decision_id").as_string(), id.c_str());
  EXPECT_EQ(closing.at("status").as_string(), "ok");

  const auto outcome = outcome_of(id);
  EXPECT_EQ(outcome.at("status").as_string(), "ok");
  EXPECT_EQ(outcome.at("cost_usd"), closing.at("cost_usd"));
  EXPECT_GT(outcome.at("first_token_s").to_number<double>(), 0);
  EXPECT_LT(outcome.at("first_token_s").to_number<double>(),
            outcome.at("latency_s").to_number<double>());
  EXPECT_THAT(get("/metrics").text, HasSubstr("yardmaster_first_token_seconds_count"));
}

TEST_F(ChatStream, UsageStaysInForAClientThatAskedForIt) {
  start();
  EXPECT_THAT(ask("auto", R"(, "stream_options": {"include_usage": true})").text,
              HasSubstr("completion_tokens"));
}

TEST_F(ChatStream, AsksTheUpstreamForUsageAndForwardsTheRestByteForByte) {
  std::optional<ScriptedServer::Request> seen;
  serve([&](Peer& peer) {
    seen = peer.read();
    peer.send(std::string(kStreamHead) + chunk(std::string(": note\r\n\r\n") + kHi) +
              chunk(kUsage) + chunk(kEnd) + "0\r\n\r\n");
    peer.wait_for_close();
  });
  const Reply reply = ask("scripted", R"(, "seed": 12345678901234567890123)");
  EXPECT_THAT(reply.text, StartsWith(std::string(": note\r\n\r\n") + kHi + ": yardmaster {"));
  EXPECT_THAT(reply.text, EndsWith(kEnd));
  EXPECT_THAT(reply.text, Not(HasSubstr("prompt_tokens")));
  EXPECT_EQ(seen->body(), "{\"stream_options\":{\"include_usage\":true}," +
                              body("scripted", R"(, "seed": 12345678901234567890123)").substr(1));
  const auto outcome = outcome_of(reply.header("x-yardmaster-decision-id"));
  EXPECT_EQ(outcome.at("input_tokens").to_number<int>(), 1000);
  EXPECT_DOUBLE_EQ(outcome.at("cost_usd").to_number<double>(), 0.005);
  EXPECT_EQ(outcome.at("response_id").as_string(), "c1");
}

TEST_F(ChatStream, AnUpstreamThatTakesNoStreamOptionsIsNotSentAny) {
  std::optional<ScriptedServer::Request> seen;
  serve(
      [&](Peer& peer) {
        seen = peer.read();
        peer.send(std::string(kStreamHead) + chunk(kHi) + chunk(kEnd) + "0\r\n\r\n");
        peer.wait_for_close();
      },
      ", stream_usage: false");
  EXPECT_EQ(ask("scripted").status, 200u);
  EXPECT_EQ(seen->body(), body("scripted"));
}

TEST_F(ChatStream, AnEventIsForwardedBeforeTheNextOneComes) {
  std::promise<void> go_on;
  serve([&](Peer& peer) {
    peer.read();
    peer.send(std::string(kStreamHead) + chunk(kHi));
    go_on.get_future().get();
    peer.send(chunk(kEnd) + "0\r\n\r\n");
    peer.wait_for_close();
  });
  test::RawClient raw(daemon_->port());
  raw.send(request("scripted"));
  const std::string start = raw.read_until(kHi);
  EXPECT_THAT(start, HasSubstr("x-yardmaster-decision-id: "));
  EXPECT_THAT(start, HasSubstr("Transfer-Encoding: chunked"));
  go_on.set_value();
  raw.read_until("0\r\n\r\n");
}

TEST_F(ChatStream, AStreamThatBreaksEndsWithAnErrorEventAndIsAFailureOnRecord) {
  serve([](Peer& peer) {
    peer.read();
    peer.send(std::string(kStreamHead) + chunk(kHi) + chunk("data: {\"half"));
  });
  const Reply reply = ask("scripted");
  EXPECT_EQ(reply.status, 200u);
  EXPECT_THAT(reply.text, StartsWith(kHi));
  EXPECT_THAT(reply.text, Not(HasSubstr("half")));
  EXPECT_THAT(reply.text, Not(HasSubstr("[DONE]")));
  EXPECT_THAT(reply.text, HasSubstr("\n\ndata: {\"error\":{\"message\":\"the stream broke"));
  EXPECT_EQ(closing_comment(reply.text).at("status").as_string(), "error");
  const auto outcome = outcome_of(reply.header("x-yardmaster-decision-id"));
  EXPECT_EQ(outcome.at("status").as_string(), "error");
}

TEST_F(ChatStream, AnErrorEventOfTheUpstreamIsForwardedAndIsAFailureOnRecord) {
  const std::string full = "data: {\"error\":{\"message\":\"full\",\"code\":\"overload\"}}\n\n";
  serve([&](Peer& peer) {
    peer.read();
    peer.send(std::string(kStreamHead) + chunk(kHi) + chunk(full) + "0\r\n\r\n");
    peer.wait_for_close();
  });
  const Reply reply = ask("scripted");
  EXPECT_THAT(reply.text, StartsWith(kHi + full));
  const auto outcome = outcome_of(reply.header("x-yardmaster-decision-id"));
  EXPECT_EQ(outcome.at("status").as_string(), "error");
  EXPECT_EQ(outcome.at("error").as_string(), "the stream broke: an error of type overload");
}

TEST_F(ChatStream, WhatBreaksBeforeTheFirstChunkIsAnErrorStatus) {
  int call = 0;
  serve([&](Peer& peer) {
    peer.read();
    switch (call++) {
      case 0:
        return peer.send(kStreamHead);
      case 1:
        return peer.send(std::string(kStreamHead) + chunk(kEnd) + "0\r\n\r\n");
      case 2:
        return peer.answer(R"({"id":"c1","choices":[]})");
      default:
        return peer.send(std::string(kStreamHead) +
                         chunk("data: {\"error\":{\"message\":\"full\"}}\n\n") + "0\r\n\r\n");
    }
  });
  for (int i = 0; i < 4; ++i) {
    const Reply reply = ask("scripted");
    EXPECT_EQ(reply.status, 502u) << reply.text;
    EXPECT_THAT(reply.error(), HasSubstr("scripted"));
    EXPECT_EQ(outcome_of(reply.header("x-yardmaster-decision-id")).at("status").as_string(),
              "error");
  }
}

TEST_F(ChatStream, AClientThatLeavesCancelsTheUpstreamCallAndIsNoFailureOfTheModel) {
  std::promise<void> closed;
  serve([&](Peer& peer) {
    peer.read();
    peer.send(std::string(kStreamHead) + chunk(kHi));
    peer.wait_for_close();
    closed.set_value();
  });
  test::RawClient raw(daemon_->port());
  raw.send(request("scripted"));
  raw.read_until("x-yardmaster-decision-id: ");
  std::string id = raw.read_until("\r\n");
  id.resize(id.size() - 2);
  raw.read_until(kHi);
  raw.close();
  closed.get_future().get();
  const auto outcome = outcome_of(id);
  EXPECT_EQ(outcome.at("status").as_string(), "ok");
  EXPECT_FALSE(outcome.contains("latency_s"));
  EXPECT_THAT(std::string(outcome.at("error").as_string()), HasSubstr("client left"));
}

TEST_F(ChatStream, AClientThatDoesNotReadHoldsTheUpstreamBack) {
  std::atomic<std::size_t> sent{0};
  std::promise<void> closed;
  serve([&](Peer& peer) {
    peer.read();
    peer.send(kStreamHead);
    const std::string event =
        chunk("data: {\"choices\":[],\"x\":\"" + std::string(64u << 10, 'x') + "\"}\n\n");
    while (sent < (256u << 20) && peer.try_send(event)) sent += event.size();
    closed.set_value();
  });
  test::RawClient raw(daemon_->port());
  raw.send(request("scripted"));
  raw.read_until("HTTP/1.1 200 OK");
  std::size_t before = 1;
  while (before != sent) {  // until all buffers between are full
    before = sent;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_LT(sent, 64u << 20) << "the sockets' buffers take some megabytes, ours one event";
  raw.close();
  closed.get_future().get();
}

}  // namespace
}  // namespace yardmaster
