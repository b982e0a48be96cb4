// Many clients at once of a daemon that hedges, with slow and failing upstreams; some clients
// leave.

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "tests/common/raw_client.h"
#include "tests/common/scripted_server.h"
#include "tests/integration/flaky_model_fixture.h"
#include "tests/integration/hedge_fixture.h"

namespace yardmaster {
namespace {

using test::chunk;
using test::kAnswer;
using test::kStreamHead;
using test::RawClient;
using test::ScriptedServer;
using test::status_answer;
using ::testing::HasSubstr;
using ::testing::Not;
using Peer = ScriptedServer::Peer;

constexpr int kClients = 8, kRequests = 40;

class ChatHedgeLoad : public test::HedgeFixture {
 protected:
  /// An upstream that takes up to `slowest_ms`, and fails now and then.
  std::unique_ptr<ScriptedServer> upstream(std::uint64_t seed, std::uint64_t slowest_ms) {
    return std::make_unique<ScriptedServer>([this, seed, slowest_ms](Peer& peer) {
      while (const auto request = peer.read()) {
        Rng rng(seed, static_cast<std::uint64_t>(calls_++));
        std::this_thread::sleep_for(std::chrono::milliseconds(rng.below(slowest_ms + 1)));
        if (rng.uniform() < 0.1) {
          peer.send(status_answer("500 Oh"));
        } else if (request->body().find("\"stream\"") == std::string::npos) {
          peer.answer(kAnswer);
        } else {
          peer.send(kStreamHead + chunk("data: {\"id\":\"c1\",\"choices\":[]}\n\n") +
                    chunk("data: [DONE]\n\n") + "0\r\n\r\n");
        }
      }
    });
  }

  /// A client of many requests, of which it gives up one in five.
  void ask_often(std::uint64_t seed) {
    Rng rng(seed);
    auto client = std::make_unique<RawClient>(daemon_->port());
    for (int i = 0; i < kRequests; ++i) {
      const std::string body =
          std::string(R"({"model": "all", "messages": [{"role": "user", "content": "hi"}])") +
          (rng.below(2) == 0 ? "}" : R"(, "stream": true})");
      client->send(
          "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
          "x-yardmaster-allow-models: slow,quick\r\nContent-Length: " +
          std::to_string(body.size()) + "\r\n\r\n" + body);
      if (rng.below(5) == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(rng.below(15)));
        client = std::make_unique<RawClient>(daemon_->port());
        continue;
      }
      const auto answer = client->read_answer();
      if (answer.result_int() != 200) ++failed_;
      if (!answer["x-yardmaster-hedge"].empty()) ++hedged_;
    }
  }

  std::atomic<int> calls_{0}, failed_{0}, hedged_{0};
};

TEST_F(ChatHedgeLoad, EveryDecisionHasOneOutcomeAndNoCallIsLeftBehind) {
  const auto slow = upstream(1, 30);
  const auto quick = upstream(2, 5);
  more_listen_ = ", io_threads: 2";
  more_upstreams_ = upstream_entry("a", *slow) + upstream_entry("b", *quick);
  // A call that was not taken off its model's load would come to be one too many.
  const std::string limit = ", max_concurrent: " + std::to_string(4 * kClients) + "}\n";
  more_models_ = "  - {name: slow, upstream: a" + limit + "  - {name: quick, upstream: b" + limit;
  start(
      "routers: [{name: all, policy: random}]\n"
      "breaker: {consecutive_failures: 64, failure_rate: 1}\n"
      "hedge: {enabled: true, quantile: 0.5, min_calls: 5, min_wait_s: 0.001, max_share: 1}\n");
  std::vector<std::thread> clients;
  for (std::uint64_t i = 0; i < kClients; ++i) {
    clients.emplace_back([this, i] { ask_often(100 + i); });
  }
  for (std::thread& each : clients) each.join();
  EXPECT_GT(hedged_, 10);
  EXPECT_LT(failed_, kClients * kRequests / 10) << "both failed";

  std::map<std::string, Outcome::Status> status_of;
  std::vector<DecisionRecord> hedges;
  for (const DecisionRecord& record : decisions()) {
    EXPECT_TRUE(record.outcome) << record.decision.id.str();
    if (!record.outcome) continue;
    status_of[record.decision.id.str()] = record.outcome->status;
    if (record.decision.hedge_of) hedges.push_back(record);
    for (const FilteredModel& each : record.decision.filtered) {
      EXPECT_THAT(each.reason, Not(HasSubstr("calls at once")));
    }
  }
  EXPECT_GT(hedges.size(), 10u);
  for (const DecisionRecord& each : hedges) {
    const auto first = status_of.find(each.decision.hedge_of->str());
    ASSERT_NE(first, status_of.end());
    const bool both =
        each.outcome->status == Outcome::Status::ok && first->second == Outcome::Status::ok;
    EXPECT_FALSE(both) << "one answer is served";
  }
}

}  // namespace
}  // namespace yardmaster
