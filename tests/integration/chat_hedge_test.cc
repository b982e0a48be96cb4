// A second model called beside one that is slow to answer, and clients that leave before there is
// an answer.

#include <gmock/gmock.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "agent/keys/api_key.h"
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
using Peer = ScriptedServer::Peer;

constexpr char kQuickAnswer[] =
    R"({"id":"q1","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":20}})";
constexpr char kChunk[] =
    "data: {\"id\":\"c1\",\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";
constexpr char kEnd[] = "data: [DONE]\n\n";

/// Calls that a server has had, which a test can wait for.
class Arrivals {
 public:
  int add() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
    return count_++;
  }
  void wait_for(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ >= count; });
  }
  int count() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

/// A router "first" that always chooses the model "slow" first, whose upstream answers two calls at
/// once and does with later ones what the test says; and a model "quick", which answers as the test
/// says from the first call on. With hedging on, the third call is the first that may be hedged.
class ChatHedge : public test::HedgeFixture {
 protected:
  using Answer = std::function<void(Peer& peer)>;
  static constexpr int kSeen = 2;
  static constexpr char kHedge[] =
      "hedge: {enabled: true, quantile: 0.5, min_calls: 2, min_wait_s: 0.02, max_share: 1}\n";

  void serve(Answer slow, Answer quick, const std::string& more = kHedge,
             const std::string& router = "") {
    const int seen = slow_.count() + kSeen;
    slow_server_ =
        std::make_unique<ScriptedServer>([this, seen, slow = std::move(slow)](Peer& peer) {
          while (peer.read()) {
            if (slow_.add() >= seen) {
              slow(peer);
            } else if (streamed_) {
              peer.send(kStreamHead + chunk(kChunk) + chunk(kEnd) + "0\r\n\r\n");
            } else {
              peer.answer(kAnswer);
            }
          }
        });
    quick_server_ = std::make_unique<ScriptedServer>([this, quick = std::move(quick)](Peer& peer) {
      while (peer.read()) {
        quick_.add();
        quick(peer);
      }
    });
    more_upstreams_ = upstream_entry("a", *slow_server_) + upstream_entry("b", *quick_server_);
    more_models_ =
        "  - {name: slow, upstream: a, input_usd_per_mtok: 1, output_usd_per_mtok: 1}\n"
        "  - {name: quick, upstream: b, input_usd_per_mtok: 10, output_usd_per_mtok: 10" +
        more_quick_ + "}\n";
    start("routers:\n  - {name: first, policy: 'fixed:slow'" + router + "}\n" + more);
  }

  /// Two calls that are answered at once, after which one that is not is late.
  void see_enough() {
    for (int i = 0; i < kSeen; ++i) {
      const Reply reply = ask();
      ASSERT_EQ(reply.status, 200u) << reply.text;
      EXPECT_EQ(reply.header("x-yardmaster-hedge"), "");
    }
  }

  std::string body(const std::string& model = "first") const {
    return R"({"model": ")" + model + R"(", "messages": [{"role": "user", "content": "hi"}])" +
           (streamed_ ? R"(, "stream": true)" : "") + "}";
  }

  /// The same by hand.
  std::string request() const {
    const std::string text = body();
    return "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
           "x-yardmaster-allow-models: slow,quick\r\nContent-Length: " +
           std::to_string(text.size()) + "\r\n\r\n" + text;
  }

  Reply ask(const std::string& router = "first", const std::string& allow = "slow,quick") {
    return post("/v1/chat/completions", body(router),
                {{"x-yardmaster-allow-models", allow}, {"x-session-id", "talk"}});
  }

  /// For the threads of servers, which have no client of their own.
  std::string metrics() const {
    RawClient client(daemon_->port());
    client.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    return client.read_answer().body();
  }

  double spent_today() {
    return get("/v1/admin/keys").json().at("keys").at(0).at("spent_today_usd").to_number<double>();
  }

  boost::json::object record_of(const std::string& id) { return get("/v1/decisions/" + id).json(); }
  boost::json::object record_of(const Reply& reply) {
    return record_of(reply.header("x-yardmaster-decision-id"));
  }

  static std::string text_of(const boost::json::object& object, const char* field) {
    return std::string(object.at(field).as_string());
  }
  static boost::json::object outcome_of(const boost::json::object& record) {
    return record.at("outcome").as_object();
  }

  /// Why the log says that the model was left out.
  static std::string why_not(const std::string& model, const boost::json::object& record) {
    for (const auto& each : record.at("filtered").as_array()) {
      if (each.at("model").as_string() == model) return each.at("reason").as_string().c_str();
    }
    return "";
  }

  void expect_cancelled(const boost::json::object& record, const std::string& why) {
    const auto outcome = outcome_of(record);
    EXPECT_EQ(text_of(outcome, "status"), "cancelled");
    EXPECT_FALSE(outcome.contains("latency_s"));
    EXPECT_FALSE(outcome.contains("cost_usd"));
    EXPECT_THAT(text_of(outcome, "error"), HasSubstr(why));
  }

  bool streamed_ = false;
  std::string more_quick_;  ///< of the model quick; ", key: value"
  Arrivals slow_, quick_;
  std::unique_ptr<ScriptedServer> slow_server_, quick_server_;
};

TEST_F(ChatHedge, ASecondModelAnswersWhereTheFirstIsSlowAndTheFirstIsGivenUp) {
  std::promise<void> closed;
  serve(
      [&](Peer& peer) {
        peer.wait_for_close();
        closed.set_value();
      },
      [](Peer& peer) { peer.answer(kQuickAnswer); });
  see_enough();
  const Reply reply = ask();
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(reply.text, kQuickAnswer);
  EXPECT_EQ(reply.header("x-yardmaster-hedge"), "won");
  EXPECT_EQ(reply.header("x-yardmaster-model"), "quick");
  EXPECT_EQ(reply.header("x-yardmaster-attempts"), "2");
  closed.get_future().get();

  const auto hedge = record_of(reply);
  EXPECT_EQ(text_of(outcome_of(hedge), "status"), "ok");
  EXPECT_TRUE(outcome_of(hedge).contains("latency_s"));
  double sum = 0;
  for (const auto& p : hedge.at("propensities").as_array()) sum += p.to_number<double>();
  EXPECT_NEAR(sum, 1, 1e-9);
  const std::string first = text_of(hedge, "hedge_of");
  EXPECT_THAT(why_not("slow", hedge), HasSubstr(first + ", which has no answer after"));
  const auto given_up = record_of(first);
  EXPECT_EQ(text_of(given_up, "model"), "slow");
  EXPECT_FALSE(given_up.contains("hedge_of"));
  expect_cancelled(given_up, "its hedge, decision " + reply.header("x-yardmaster-decision-id"));

  const std::string text = metrics();
  EXPECT_THAT(text, HasSubstr("yardmaster_hedges_total{model=\"quick\"} 1"));
  EXPECT_THAT(text, HasSubstr("yardmaster_hedges_won_total{model=\"quick\"} 1"));
  EXPECT_THAT(text, HasSubstr("yardmaster_upstream_errors_total{model=\"slow\"} 0"));
  EXPECT_THAT(text, HasSubstr("yardmaster_fallbacks_total{model=\"quick\"} 0"));
}

TEST_F(ChatHedge, TheFirstMayAnswerFirstAfterAllAndTheHedgeIsGivenUp) {
  std::promise<void> closed;
  serve(
      [&](Peer& peer) {
        quick_.wait_for(1);
        peer.answer(kAnswer);
      },
      [&](Peer& peer) {
        peer.wait_for_close();
        closed.set_value();
      });
  see_enough();
  const Reply reply = ask();
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(reply.text, kAnswer);
  EXPECT_EQ(reply.header("x-yardmaster-hedge"), "lost");
  EXPECT_EQ(reply.header("x-yardmaster-model"), "slow");
  EXPECT_EQ(reply.header("x-yardmaster-attempts"), "2");
  closed.get_future().get();
  EXPECT_EQ(text_of(outcome_of(record_of(reply)), "status"), "ok");
  EXPECT_THAT(metrics(), HasSubstr("yardmaster_hedges_total{model=\"quick\"} 1"));
  EXPECT_THAT(metrics(), HasSubstr("yardmaster_hedges_won_total{model=\"quick\"} 0"));

  const auto log = decisions();
  ASSERT_EQ(log.size(), 4u);
  EXPECT_EQ(log[3].decision.model(), "quick");
  EXPECT_EQ(log[3].decision.hedge_of, log[2].decision.id);
  ASSERT_TRUE(log[3].outcome);
  EXPECT_EQ(log[3].outcome->status, Outcome::Status::cancelled);
  EXPECT_GT(log[3].decision.estimated_cost_usd, 0);
}

TEST_F(ChatHedge, TheConversationGoesOnWithTheModelThatAnswered) {
  serve([](Peer& peer) { peer.wait_for_close(); }, [](Peer& peer) { peer.answer(kQuickAnswer); },
        std::string("  - {name: chat, policy: random, exploration_floor: 0.000001}\n") + kHedge);
  for (int i = 0; i < kSeen; ++i) ask("chat", "slow");
  const Reply hedged = ask("chat");
  EXPECT_EQ(hedged.header("x-yardmaster-hedge"), "won");
  const auto next = [&] {
    return text(post("/v1/route", R"({"model": "chat", "query": "hi"})",
                     {{"x-yardmaster-allow-models", "slow,quick"}, {"x-session-id", "talk"}}),
                "model");
  };
  EXPECT_EQ(next(), "quick");
  stop();
  start(more_);
  // From the log, in which the decision that was given up is no turn of the conversation.
  EXPECT_EQ(next(), "quick");
}

TEST_F(ChatHedge, WhereBothFailAnotherIsTriedAndTheAnswerSaysWhatWas) {
  serve(
      [&](Peer& peer) {
        quick_.wait_for(1);
        peer.send(status_answer("500 Oh"));
      },
      [](Peer& peer) { peer.send(status_answer("502 Bad Gateway")); });
  see_enough();
  const Reply failed = ask();
  EXPECT_EQ(failed.status, 502u);
  EXPECT_THAT(failed.error(), HasSubstr("model 'slow' at upstream 'a': HTTP 500"));
  EXPECT_THAT(failed.error(), HasSubstr("model 'quick' at upstream 'b': HTTP 502"));
  EXPECT_EQ(failed.header("x-yardmaster-attempts"), "2");
  EXPECT_EQ(failed.header("x-yardmaster-hedge"), "lost");
  const auto log = decisions();
  ASSERT_EQ(log.size(), 4u);
  for (std::size_t i = 2; i < 4; ++i) {
    ASSERT_TRUE(log[i].outcome);
    EXPECT_EQ(log[i].outcome->status, Outcome::Status::error);
  }
}

TEST_F(ChatHedge, TheFirstThatFailsLateLeavesTheAnswerToTheHedge) {
  serve(
      [&](Peer& peer) {
        quick_.wait_for(1);
        peer.send(status_answer("500 Oh"));
      },
      [&](Peer& peer) {
        // Not before the daemon knows of the failure.
        while (metrics().find("upstream_errors_total{model=\"slow\"} 1") == std::string::npos) {
        }
        peer.answer(kQuickAnswer);
      });
  see_enough();
  const Reply reply = ask();
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(reply.header("x-yardmaster-hedge"), "won");
  const auto first = outcome_of(record_of(text_of(record_of(reply), "hedge_of")));
  EXPECT_EQ(text_of(first, "status"), "error");
  EXPECT_EQ(text_of(first, "error"), "HTTP 500");
}

TEST_F(ChatHedge, AStreamIsHedgedUntilItsFirstChunk) {
  streamed_ = true;
  std::promise<void> closed;
  serve(
      [&](Peer& peer) {
        peer.send(kStreamHead + chunk(": still thinking\n\n"));
        peer.wait_for_close();
        closed.set_value();
      },
      [](Peer& peer) { peer.send(kStreamHead + chunk(kChunk) + chunk(kEnd) + "0\r\n\r\n"); });
  see_enough();
  const Reply reply = ask();
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(reply.header("x-yardmaster-hedge"), "won");
  EXPECT_EQ(reply.header("x-yardmaster-model"), "quick");
  EXPECT_THAT(reply.text, HasSubstr("[DONE]"));
  EXPECT_THAT(reply.text, HasSubstr(R"("hedge":"won")"));
  closed.get_future().get();
  const auto hedge = record_of(reply);
  EXPECT_EQ(text_of(outcome_of(hedge), "status"), "ok");
  expect_cancelled(record_of(text_of(hedge, "hedge_of")), "its hedge");
}

TEST_F(ChatHedge, AnAnswerThatHasBegunIsWaitedFor) {
  serve(
      [](Peer& peer) {
        const std::string text = kAnswer;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" +
                  text.substr(0, 5));
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        peer.send(text.substr(5));
      },
      [](Peer& peer) { peer.answer(kQuickAnswer); },
      "hedge: {enabled: true, quantile: 0.5, min_calls: 2, min_wait_s: 0.1, max_share: 1}\n");
  see_enough();
  EXPECT_EQ(ask().text, kAnswer);
  EXPECT_EQ(quick_.count(), 0);
}

TEST_F(ChatHedge, NothingIsCalledTwiceWithoutItNorWhereTheClientNamesTheModel) {
  const auto late = [](Peer& peer) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    peer.answer(kAnswer);
  };
  const auto quick = [](Peer& peer) { peer.answer(kQuickAnswer); };
  serve(late, quick, "");
  see_enough();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask().header("x-yardmaster-attempts"), "1");
  EXPECT_EQ(slow_.count(), kSeen + 3);

  stop();
  serve(late, quick);
  see_enough();
  for (int i = 0; i < 3; ++i) {
    const Reply named = post("/v1/chat/completions", body("slow"));
    EXPECT_EQ(named.header("x-yardmaster-attempts"), "1");
    EXPECT_EQ(named.header("x-yardmaster-hedge"), "");
  }
  EXPECT_EQ(quick_.count(), 0);
}

TEST_F(ChatHedge, OnlyAPartOfTheCallsIsHedged) {
  // One call in four is far later than the median.
  std::atomic<int> calls{0};
  serve(
      [&](Peer& peer) {
        std::this_thread::sleep_for(std::chrono::milliseconds(calls++ % 4 == 3 ? 300 : 10));
        peer.answer(kAnswer);
      },
      [](Peer& peer) { peer.answer(kQuickAnswer); },
      "hedge: {enabled: true, quantile: 0.5, min_calls: 2, min_wait_s: 0.001, max_share: 0.1}\n");
  see_enough();
  for (int i = 0; i < 40; ++i) EXPECT_EQ(ask().status, 200u);
  EXPECT_LE(quick_.count(), 4);
  EXPECT_GE(quick_.count(), 1);
}

TEST_F(ChatHedge, AClientThatLeavesEndsBothCalls) {
  for (const bool streamed : {false, true}) {
    streamed_ = streamed;
    std::promise<void> slow_closed, quick_closed;
    const int before = quick_.count();
    serve(
        [&](Peer& peer) {
          peer.wait_for_close();
          slow_closed.set_value();
        },
        [&](Peer& peer) {
          peer.wait_for_close();
          quick_closed.set_value();
        });
    see_enough();
    RawClient client(daemon_->port());
    client.send(request());
    quick_.wait_for(before + 1);
    client.close();
    slow_closed.get_future().get();
    quick_closed.get_future().get();
    const auto log = decisions();
    ASSERT_GE(log.size(), 2u);
    for (std::size_t i = log.size() - 2; i < log.size(); ++i) {
      ASSERT_TRUE(log[i].outcome);
      EXPECT_EQ(log[i].outcome->status, Outcome::Status::cancelled);
      EXPECT_THAT(log[i].outcome->error, HasSubstr("the client left"));
      EXPECT_FALSE(log[i].outcome->latency_s);
    }
    EXPECT_EQ(log.back().decision.hedge_of, log[log.size() - 2].decision.id);
  }
}

TEST_F(ChatHedge, AClientThatLeavesAStreamBeforeItsFirstChunkEndsTheCallWithoutHedgingToo) {
  streamed_ = true;
  std::promise<void> closed;
  serve(
      [&](Peer& peer) {
        peer.send(kStreamHead);
        peer.wait_for_close();
        closed.set_value();
      },
      [](Peer& peer) { peer.wait_for_close(); }, "");
  see_enough();
  RawClient client(daemon_->port());
  client.send(request());
  slow_.wait_for(kSeen + 1);
  client.close();
  closed.get_future().get();
  const auto log = decisions();
  ASSERT_EQ(log.size(), 3u);
  ASSERT_TRUE(log[2].outcome);
  EXPECT_EQ(log[2].outcome->status, Outcome::Status::cancelled);
  EXPECT_EQ(quick_.count(), 0);
}

TEST_F(ChatHedge, ABudgetsCeilingHolds) {
  const auto late = [](Peer& peer) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    peer.answer(kAnswer);
  };
  const auto quick = [](Peer& peer) { peer.answer(kQuickAnswer); };
  // Three calls of slow are expected to cost .0012 and one of quick .004.
  serve(late, quick, kHedge, ", budget_usd_per_day: 0.005");
  see_enough();
  EXPECT_EQ(ask().header("x-yardmaster-model"), "slow");
  EXPECT_EQ(quick_.count(), 0);
  stop();
  serve(late, quick, kHedge, ", budget_usd_per_day: 1");
  see_enough();
  EXPECT_EQ(ask().header("x-yardmaster-hedge"), "won") << "it was the budget that held it back";
}

TEST_F(ChatHedge, TheBudgetOfAKeyHoldsAndCountsBoth) {
  const std::string key = "  - {name: app, sha256: " + agent::to_hex(agent::sha256("secret")) +
                          ", scopes: [route, feedback, admin], budget_usd_per_day: ";
  const auto late = [](Peer& peer) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    peer.answer(kAnswer);
  };
  serve(
      late, [](Peer& peer) { peer.wait_for_close(); },
      std::string(kHedge) + "keys:\n" + key + "0.003}\n");
  connect("secret");
  see_enough();
  const Reply reply = ask();
  EXPECT_EQ(reply.header("x-yardmaster-attempts"), "1");
  EXPECT_EQ(quick_.count(), 0);

  stop();
  serve(
      late, [](Peer& peer) { peer.wait_for_close(); },
      std::string(kHedge) + "keys:\n" + key + "1}\n");
  connect("secret");
  see_enough();
  const double before = spent_today();
  EXPECT_EQ(ask().header("x-yardmaster-hedge"), "lost");
  // 30 tokens at a dollar a million, and what the call that was given up is estimated at.
  EXPECT_GT(spent_today() - before, 0.00003 + 0.003);
}

}  // namespace
}  // namespace yardmaster
