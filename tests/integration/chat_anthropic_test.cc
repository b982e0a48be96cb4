// Chat completions answered by models whose upstream has Anthropic's API.

#include <gmock/gmock.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

#include "tests/common/events.h"
#include "tests/common/scripted_server.h"
#include "tests/integration/daemon_fixture.h"

namespace yardmaster {
namespace {

namespace json = boost::json;
using test::chunk;
using test::event;
using test::kStreamHead;
using test::ScriptedServer;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using Peer = ScriptedServer::Peer;

constexpr char kAnswer[] = R"({"id": "msg_1", "type": "message", "role": "assistant",
    "model": "claude-1", "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn",
    "usage": {"input_tokens": 200, "cache_read_input_tokens": 700,
              "cache_creation_input_tokens": 100, "output_tokens": 2000}})";

const std::string kStart = event("message_start", R"({"type": "message_start", "message": {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-1", "content": [],
    "usage": {"input_tokens": 1000, "output_tokens": 1}}})");
const std::string kHello =
    event("content_block_start", R"({"type": "content_block_start",
    "index": 0, "content_block": {"type": "text", "text": ""}})") +
    event("content_block_delta", R"({"type": "content_block_delta", "index": 0,
    "delta": {"type": "text_delta", "text": "hello"}})");
const std::string kEnd =
    event("message_delta", R"({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
    "usage": {"output_tokens": 2000}})") +
    event("message_stop", R"({"type": "message_stop"})");

std::string error_answer(const std::string& status, const std::string& type,
                         const std::string& headers = "") {
  const std::string body =
      R"({"type":"error","error":{"type":")" + type + R"(","message":"as the script says"}})";
  return "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// A model "claude" whose upstream, of kind anthropic, does what the script says; the router
/// "first" always chooses it, and the simulated models do what is left.
class ChatAnthropic : public test::DaemonFixture {
 protected:
  using Answer = std::function<void(Peer& peer)>;

  void serve(Answer answer, const std::string& more = "") {
    server_ = std::make_unique<ScriptedServer>([this, answer = std::move(answer)](Peer& peer) {
      while (auto request = peer.read()) {
        {
          const std::lock_guard lock(seen_mutex_);
          seen_.push_back(std::move(*request));
        }
        answer(peer);
      }
    });
    more_upstreams_ =
        ", {name: played, kind: anthropic, api_key: sk-secret, base_url: "
        "'http://127.0.0.1:" +
        std::to_string(server_->port()) + "'}";
    more_models_ =
        "  - {name: claude, upstream: played, upstream_model: claude-x-4-5, modalities: [text, "
        "image], input_usd_per_mtok: 1, output_usd_per_mtok: 2, cache_read_usd_per_mtok: 0.1, "
        "cache_write_usd_per_mtok: 1.25}\n";
    start("routers: [{name: first, policy: 'fixed:claude'}, {name: learning}]\n" + more);
  }

  Reply ask(const std::string& model, const std::string& more = "") {
    return post("/v1/chat/completions",
                R"({"model": ")" + model + R"(", "messages": [{"role": "user", "content": "hi"}])" +
                    more + "}");
  }

  json::object record_of(const Reply& reply) {
    return get("/v1/decisions/" + reply.header("x-yardmaster-decision-id")).json();
  }

  ScriptedServer::Request seen(std::size_t index = 0) {
    const std::lock_guard lock(seen_mutex_);
    return seen_.at(index);
  }

  std::mutex seen_mutex_;
  std::vector<ScriptedServer::Request> seen_;
  std::unique_ptr<ScriptedServer> server_;
};

TEST_F(ChatAnthropic, AChatIsAskedAsAMessageAndAnsweredAsACompletion) {
  serve([](Peer& peer) { peer.answer(kAnswer); });
  const Reply reply = ask("first", R"(, "temperature": 2, "made_up": 1)");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(seen().target(), "/v1/messages");
  EXPECT_EQ(seen()["x-api-key"], "sk-secret");
  EXPECT_EQ(seen()["anthropic-version"], "2023-06-01");
  EXPECT_EQ(seen()["authorization"], "");
  EXPECT_EQ(json::parse(seen().body()), json::parse(R"({"model": "claude-x-4-5",
      "max_tokens": 16384, "temperature": 1,
      "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]})"));
  const auto chat = reply.json();
  EXPECT_EQ(chat.at("choices").at(0).at("message").at("content"), "hello");
  EXPECT_EQ(chat.at("model"), "claude-1");
  EXPECT_EQ(chat.at("usage").at("prompt_tokens"), 1000);
  EXPECT_EQ(chat.at("usage").at("prompt_tokens_details").at("cached_tokens"), 700);
  const auto outcome = record_of(reply).at("outcome").as_object();
  EXPECT_EQ(outcome.at("input_tokens"), 1000);
  EXPECT_NEAR(outcome.at("cost_usd").to_number<double>(),
              (200 + 700 * 0.1 + 100 * 1.25 + 2000 * 2) * 1e-6, 1e-12);
}

TEST_F(ChatAnthropic, AStreamIsTranslatedEventByEvent) {
  serve([](Peer& peer) {
    peer.send(kStreamHead + chunk(kStart + event("ping", R"({"type": "ping"})") + kHello) +
              chunk(kEnd) + "0\r\n\r\n");
  });
  const Reply reply = ask("claude", R"(, "stream": true)");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(json::parse(seen().body()).at("stream"), true);
  EXPECT_THAT(reply.text, HasSubstr(R"("content":"hello")"));
  EXPECT_THAT(reply.text, Not(HasSubstr("prompt_tokens"))) << "the client did not ask for it";
  EXPECT_THAT(reply.text, HasSubstr(R"("cost_usd":0.005)"));
  EXPECT_THAT(reply.text, EndsWith("data: [DONE]\n\n"));
  const Reply with_usage =
      ask("claude", R"(, "stream": true, "stream_options": {"include_usage": true})");
  EXPECT_THAT(with_usage.text, HasSubstr(R"("completion_tokens":2000)"));
}

TEST_F(ChatAnthropic, OverloadBeforeTheFirstOfTheContentFallsBack) {
  serve([](Peer& peer) {
    peer.send(kStreamHead + chunk(kStart + event("error", R"({"type": "error", "error": {
                  "type": "overloaded_error", "message": "Overloaded"}})")) +
              "0\r\n\r\n");
  });
  const Reply reply = ask("first", R"(, "stream": true)");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(reply.header("x-yardmaster-attempts"), "2");
  EXPECT_THAT(reply.text, EndsWith("data: [DONE]\n\n"));
}

TEST_F(ChatAnthropic, AStreamThatBreaksOffIsAFailureAndSaysSo) {
  serve([](Peer& peer) { peer.send(kStreamHead + chunk(kStart + kHello) + "0\r\n\r\n"); });
  const Reply reply = ask("claude", R"(, "stream": true)");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_THAT(reply.text, HasSubstr("hello"));
  EXPECT_THAT(reply.text, HasSubstr("the stream broke"));
  EXPECT_THAT(reply.text, Not(HasSubstr("[DONE]")));
}

TEST_F(ChatAnthropic, ErrorsAreMapped) {
  std::atomic<int> next{0};
  static const std::vector<std::string> answers{
      error_answer("529 Overloaded", "overloaded_error"),
      error_answer("429 Too Many Requests", "rate_limit_error", "retry-after: 7\r\n"),
      error_answer("400 Bad Request", "invalid_request_error"),
  };
  serve([&](Peer& peer) { peer.send(answers.at(static_cast<std::size_t>(next++))); },
        "breaker: {consecutive_failures: 64, failure_rate: 1, open_s: 0.01, max_open_s: 0.01}\n");
  EXPECT_EQ(ask("claude").status, 503u);
  next = 2;
  const Reply wrong = ask("claude");
  EXPECT_EQ(wrong.status, 400u);
  EXPECT_EQ(wrong.error(), "as the script says");
  EXPECT_EQ(wrong.json().at("error").at("code"), "invalid_request_error");
  next = 1;
  const Reply limited = ask("claude");
  EXPECT_EQ(limited.status, 429u);
  EXPECT_EQ(limited.header("retry-after"), "7");
}

TEST_F(ChatAnthropic, ARefusedKeyIsNoFaultOfTheClient) {
  serve([](Peer& peer) { peer.send(error_answer("401 Unauthorized", "authentication_error")); });
  const Reply reply = ask("claude");
  EXPECT_EQ(reply.status, 502u);
  EXPECT_THAT(reply.error(), HasSubstr("HTTP 401"));
  EXPECT_THAT(reply.text, Not(HasSubstr("sk-secret")));
}

TEST_F(ChatAnthropic, AnAccountWithoutMoneyIsNoFaultOfTheClientEither) {
  serve([](Peer& peer) {
    const std::string body = R"({"type":"error","error":{"type":"invalid_request_error","message":)"
                             R"("Your credit balance is too low to access the Anthropic API."}})";
    peer.send("HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
  });
  const Reply reply = ask("first");
  EXPECT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(reply.header("x-yardmaster-attempts"), "2");
}

TEST_F(ChatAnthropic, WhatCannotBeTranslatedGoesToOtherModelsAndTheReasonIsSaid) {
  serve([](Peer& peer) { peer.answer(kAnswer); });
  const Reply routed = ask("learning", R"(, "logprobs": true)");
  ASSERT_EQ(routed.status, 200u) << routed.text;
  EXPECT_NE(routed.header("x-yardmaster-model"), "claude");
  EXPECT_THAT(json::serialize(record_of(routed).at("filtered")),
              HasSubstr("Anthropic's API has no logprobs"));
  const Reply named = ask("claude", R"(, "n": 2)");
  EXPECT_EQ(named.status, 400u);
  EXPECT_THAT(named.error(), HasSubstr("Anthropic's API has no n > 1"));
}

TEST_F(ChatAnthropic, ModelsNameTheirUpstreamsKind) {
  serve([](Peer& peer) { peer.answer(kAnswer); });
  EXPECT_THAT(get("/v1/models").text, HasSubstr(R"("upstream_kind":"anthropic")"));
}

}  // namespace
}  // namespace yardmaster
