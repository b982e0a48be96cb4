// POST /v1/embeddings, /v1/responses and /v1/completions: passed to the model that the client
// names.

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
using ::testing::StartsWith;
using Peer = ScriptedServer::Peer;
using Request = ScriptedServer::Request;

/// A model "embedder", no candidate for chat, whose upstream does what the script says, and
/// "claude" at one of kind anthropic.
class Pass : public test::DaemonFixture {
 protected:
  void serve(std::function<void(Peer&)> answer) {
    server_ = std::make_unique<ScriptedServer>([this, answer = std::move(answer)](Peer& peer) {
      while (auto request = peer.read()) {
        {
          const std::lock_guard lock(seen_mutex_);
          seen_ = *request;
        }
        answer(peer);
      }
    });
    const std::string url = "'http://127.0.0.1:" + std::to_string(server_->port()) + "/v1'";
    more_upstreams_ = ", {name: played, base_url: " + url +
                      "}, {name: messages, kind: anthropic, base_url: " + url + "}";
    more_models_ =
        "  - {name: embedder, upstream: played, upstream_model: e-1, chat: false, "
        "input_usd_per_mtok: 1, output_usd_per_mtok: 2}\n"
        "  - {name: claude, upstream: messages}\n";
    start();
  }

  Request seen() {
    const std::lock_guard lock(seen_mutex_);
    return seen_;
  }

  std::mutex seen_mutex_;
  Request seen_;
  std::unique_ptr<ScriptedServer> server_;
};

TEST_F(Pass, EmbeddingsGoOnWithOnlyTheModelReplaced) {
  constexpr char kAnswer[] =
      R"({"object":"list","data":[{"embedding":[0.10]}],"usage":{"prompt_tokens":2000}})";
  serve([&](Peer& peer) { peer.answer(kAnswer); });
  const Reply reply =
      post("/v1/embeddings", R"({"input": ["a", [1, 2]], "model": "embedder", "x": 1.50})");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(reply.text, kAnswer);
  EXPECT_EQ(seen().target(), "/v1/embeddings");
  EXPECT_EQ(seen().body(), R"({"input": ["a", [1, 2]], "model": "e-1", "x": 1.50})");
  EXPECT_EQ(reply.header("x-yardmaster-model"), "embedder");
  EXPECT_EQ(reply.header("x-yardmaster-cost-usd"), "0.002");
  EXPECT_EQ(reply.header("x-yardmaster-decision-id"), "") << "nothing was decided";
  EXPECT_EQ(reply.header("x-yardmaster-degraded"), "");
  EXPECT_THAT(get("/metrics").text, HasSubstr("endpoint=\"embeddings\""));
}

TEST_F(Pass, RoutersAndModelsOfOtherApisAreRefused) {
  serve([](Peer& peer) { peer.answer("{}"); });
  for (const char* route : {"/v1/embeddings", "/v1/responses", "/v1/completions"}) {
    const Reply routed = post(route, R"({"model": "auto", "input": "a"})");
    EXPECT_EQ(routed.status, 400u);
    EXPECT_THAT(routed.error(),
                HasSubstr(std::string("'auto' is a router, and ") + route + " is not routed"));
    const Reply claude = post(route, R"({"model": "claude", "input": "a"})");
    EXPECT_EQ(claude.status, 400u);
    EXPECT_THAT(claude.error(), HasSubstr(std::string("which has no ") + route));
    EXPECT_EQ(post(route, R"({"model": "small", "input": "a"})").status, 400u) << "simulated";
    EXPECT_EQ(post(route, R"({"model": "nobody", "input": "a"})").status, 404u);
    EXPECT_EQ(post(route, R"({"input": "a"})").status, 400u);
    EXPECT_EQ(post(route, "[]").status, 400u);
  }
}

TEST_F(Pass, AModelWithoutChatIsNoCandidate) {
  serve([](Peer& peer) { peer.answer("{}"); });
  const Reply reply = post("/v1/route", R"({"query": "hi", "explain": true})");
  EXPECT_THAT(json::serialize(reply.json().at("filtered")), HasSubstr("no chat"));
}

TEST_F(Pass, ResponsesStreamByteForByte) {
  const std::string begin =
      event("response.created", R"({"type": "response.created", "response": {"id": "resp_1"}})") +
      event("response.output_text.delta",
            R"({"type": "response.output_text.delta", "delta": "hello"})");
  const std::string end =
      event("response.completed", R"({"type": "response.completed", "response": {"id": "resp_1",
      "usage": {"input_tokens": 1000, "output_tokens": 2000}}})");
  serve([&](Peer& peer) { peer.send(kStreamHead + chunk(begin) + chunk(end) + "0\r\n\r\n"); });
  const Reply reply =
      post("/v1/responses", R"({"model": "embedder", "input": "hi", "stream": true})");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(seen().body(), R"({"model": "e-1", "input": "hi", "stream": true})");
  EXPECT_THAT(reply.text, StartsWith(begin + ": yardmaster {"));
  EXPECT_THAT(reply.text, HasSubstr(R"("cost_usd":0.005)"));
  EXPECT_THAT(reply.text, EndsWith("\n\n" + end));
}

TEST_F(Pass, AResponsesStreamThatBreaksEndsWithAnEventOfItsOwn) {
  serve([&](Peer& peer) {
    peer.send(kStreamHead +
              chunk(event("response.created", R"({"type": "response.created", "response": {}})")) +
              "0\r\n\r\n");
  });
  const Reply reply =
      post("/v1/responses", R"({"model": "embedder", "input": "hi", "stream": true})");
  EXPECT_THAT(reply.text, HasSubstr("event: error\ndata: {\"type\":\"error\""));
  EXPECT_THAT(reply.text, HasSubstr("the stream broke"));
}

TEST_F(Pass, CompletionsStreamTheirUsageToUs) {
  serve([](Peer& peer) {
    peer.send(kStreamHead +
              chunk("data: {\"id\":\"c1\",\"choices\":[{\"text\":\"hi\"}]}\n\n"
                    "data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":1000,"
                    "\"completion_tokens\":2000}}\n\ndata: [DONE]\n\n") +
              "0\r\n\r\n");
  });
  const Reply reply =
      post("/v1/completions", R"({"model": "embedder", "prompt": "hi", "stream": true})");
  EXPECT_THAT(seen().body(), HasSubstr(R"("include_usage":true)"));
  EXPECT_THAT(reply.text, Not(HasSubstr("prompt_tokens")));
  EXPECT_THAT(reply.text, HasSubstr(R"("cost_usd":0.005)"));
  EXPECT_THAT(reply.text, EndsWith("data: [DONE]\n\n"));
}

TEST_F(Pass, FailuresAreAnsweredAsForChat) {
  std::atomic<int> next{0};
  static const std::vector<std::string> answers{
      "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}",
      "HTTP/1.1 422 No\r\nContent-Length: 11\r\n\r\n{\"no\":true}",
      "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}",
  };
  serve([&](Peer& peer) { peer.send(answers.at(static_cast<std::size_t>(next++))); });
  const std::string body = R"({"model": "embedder", "input": "a"})";
  const Reply failed = post("/v1/embeddings", body);
  EXPECT_EQ(failed.status, 502u);
  EXPECT_THAT(failed.error(), HasSubstr("model 'embedder' at upstream 'played': HTTP 500"));
  const Reply wrong = post("/v1/embeddings", body);
  EXPECT_EQ(wrong.status, 422u);
  EXPECT_EQ(wrong.text, "{\"no\":true}");
  const Reply limited = post("/v1/embeddings", body);
  EXPECT_EQ(limited.status, 429u);
  EXPECT_EQ(limited.header("retry-after"), "7");
  EXPECT_EQ(post("/v1/embeddings", body).status, 503u) << "its circuit is open for that time";
}

}  // namespace
}  // namespace yardmaster
