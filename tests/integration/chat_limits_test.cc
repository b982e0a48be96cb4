// Models that are at a limit of their upstream: others answer, and the explanation says why.

#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <future>
#include <thread>

#include "tests/integration/flaky_model_fixture.h"

namespace yardmaster {
namespace {

using test::kAnswer;
using test::kStreamHead;
using ::testing::HasSubstr;
using Peer = test::ScriptedServer::Peer;

class ChatLimits : public test::FlakyModelFixture {
 protected:
  void serve_limited(const std::string& limits) {
    more_model_ = limits;
    serve([](Peer& peer, int) { peer.answer(kAnswer); });
  }

  std::string why_left_out(const Reply& reply) {
    const boost::json::object record = record_of(reply);
    for (const auto& each : record.at("filtered").as_array()) {
      if (each.at("model").as_string() == "flaky") return each.at("reason").as_string().c_str();
    }
    return "";
  }
};

TEST_F(ChatLimits, AtItsRequestsAMinuteAnotherModelAnswers) {
  serve_limited(", requests_per_minute: 2");
  EXPECT_EQ(ask("first").header("x-yardmaster-model"), "flaky");
  EXPECT_EQ(ask("flaky").header("x-yardmaster-model"), "flaky");
  const Reply around = ask("first");
  EXPECT_EQ(around.status, 200u);
  EXPECT_NE(around.header("x-yardmaster-model"), "flaky");
  EXPECT_EQ(around.header("x-yardmaster-attempts"), "1");
  EXPECT_THAT(why_left_out(around), HasSubstr("at its limit of 2 requests a minute"));
  const Reply named = ask("flaky");
  EXPECT_EQ(named.status, 503u);
  EXPECT_FALSE(named.header("retry-after").empty());
  EXPECT_THAT(named.error(), HasSubstr("model 'flaky' is at its limit of 2 requests a minute"));
  const Reply only = ask("first", "", {{"x-yardmaster-allow-models", "flaky"}});
  EXPECT_EQ(only.status, 503u);
  EXPECT_THAT(only.error(), HasSubstr("at its limit"));
}

TEST_F(ChatLimits, TokensAreThoseOfTheAnswers) {
  more_model_ = ", tokens_per_minute: 500";
  serve([](Peer& peer, int request) {
    peer.answer(request == 0
                    ? kAnswer
                    : R"({"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5000}})");
  });
  // By the estimate, about 400 tokens each, there would be no room for a second.
  EXPECT_EQ(ask("first").header("x-yardmaster-model"), "flaky");
  EXPECT_EQ(ask("first").header("x-yardmaster-model"), "flaky");
  const Reply full = ask("first");
  EXPECT_NE(full.header("x-yardmaster-model"), "flaky");
  EXPECT_THAT(why_left_out(full), HasSubstr("at its limit of 500 tokens a minute"));
}

TEST_F(ChatLimits, DecisionsAloneCountToo) {
  serve_limited(", requests_per_minute: 1");
  const std::string body = R"({"model": "first", "query": "hi"})";
  EXPECT_EQ(text(post("/v1/route", body), "model"), "flaky");
  EXPECT_NE(text(post("/v1/route", body), "model"), "flaky");
}

TEST_F(ChatLimits, AStreamIsUnderWayUntilItsEnd) {
  more_model_ = ", max_concurrent: 1";
  std::promise<void> may_end;
  std::shared_future<void> ending = may_end.get_future().share();
  std::atomic<bool> begun{false};
  serve([&](Peer& peer, int request) {
    if (request > 0) return peer.answer(kAnswer);
    begun = true;
    ending.wait();
    peer.send(kStreamHead + test::chunk("data: {\"choices\":[]}\n\n") +
              test::chunk("data: [DONE]\n\n") + "0\r\n\r\n");
  });
  std::thread streaming([&, port = daemon_->port()] {
    boost::asio::io_context io;
    agent::HttpClient client(io.get_executor(), {"127.0.0.1", std::to_string(port), ""}, "",
                             std::chrono::seconds(20));
    boost::asio::co_spawn(
        io,
        client.send("/v1/chat/completions",
                    R"({"model":"flaky","stream":true,"messages":[{"role":"user","content":"x"}]})",
                    {}),
        [](std::exception_ptr, const Result<agent::HttpClient::Answer>& got) {
          EXPECT_TRUE(got && got->result_int() == 200);
        });
    io.run();
  });
  while (!begun) {
  }
  const Reply around = ask("first");
  EXPECT_NE(around.header("x-yardmaster-model"), "flaky");
  EXPECT_EQ(why_left_out(around), "at its limit of 1 calls at once");
  may_end.set_value();
  streaming.join();
  EXPECT_EQ(ask("first").header("x-yardmaster-model"), "flaky");
}

}  // namespace
}  // namespace yardmaster
