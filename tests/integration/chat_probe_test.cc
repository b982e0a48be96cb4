// Models that are asked whether they are well while their circuits are open.

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/common/scripted_server.h"
#include "tests/integration/flaky_model_fixture.h"

namespace yardmaster {
namespace {

using test::ScriptedServer;
using test::status_answer;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Each;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Peer = ScriptedServer::Peer;
using Method = boost::beast::http::verb;

constexpr char kWholeAnswer[] =
    R"({"id":"c1","choices":[{"message":{"role":"assistant","content":"x"},"finish_reason":"length"}],)"
    R"("usage":{"prompt_tokens":10,"completion_tokens":1}})";

/// A model "flaky" that the router "first" chooses first. Its upstream answers calls with `calls_`
/// and requests for the list of models with `list_`.
class ChatProbe : public test::FlakyModelFixture {
 protected:
  void serve_probed(const std::string& probe, const std::string& more = "") {
    server_ = std::make_unique<ScriptedServer>([this](Peer& peer) {
      while (const auto request = peer.read()) take(peer, *request);
    });
    more_upstreams_ =
        ", {name: played, base_url: 'http://127.0.0.1:" + std::to_string(server_->port()) +
        "/v1', api_key: sk-secret" + probe + "}";
    more_models_ = "  - {name: flaky, upstream: played" + more_model_ + "}\n";
    start("routers: [{name: first, policy: 'fixed:flaky'}]\n" + more);
  }

  void take(Peer& peer, const ScriptedServer::Request& request) {
    const bool list = request.method() == Method::get;
    if (list) ++lists_;
    if (!list) ++calls_;
    {
      const std::lock_guard lock(mutex_);
      seen_.push_back(std::string(request.method_string()) + " " + std::string(request.target()) +
                      " " + request.body());
    }
    if (list ? lists_are_good_.load() : calls_are_good_.load()) {
      peer.answer(list ? R"({"object":"list","data":[]})" : kWholeAnswer);
    } else {
      peer.send(status_answer(failure_));
    }
  }

  std::vector<std::string> seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

  std::string circuit() { return std::string(health_of("flaky").at("circuit").as_string()); }

  template <class Condition>
  static void wait_until(const Condition& holds) {
    while (!holds()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }

  std::string failure_ = "401 Unauthorized";
  std::atomic<bool> calls_are_good_{false}, lists_are_good_{false};
  std::atomic<int> calls_{0}, lists_{0};

 private:
  std::mutex mutex_;
  std::vector<std::string> seen_;
};

TEST_F(ChatProbe, AModelComesBackWithoutAClientsCallHavingToTryIt) {
  serve_probed(", probe: {interval_s: 0.1}", "breaker: {open_s: 0.01, max_open_s: 0.01}\n");
  EXPECT_EQ(ask("first").header("x-yardmaster-attempts"), "2");
  wait_until([&] { return lists_ >= 3; });
  // Long after the circuit would have let a trial through.
  EXPECT_EQ(circuit(), "open");
  EXPECT_EQ(ask("first").header("x-yardmaster-attempts"), "1");
  EXPECT_EQ(calls_, 1);
  EXPECT_THAT(std::string(health_of("flaky").at("reason").as_string()),
              HasSubstr("a probe failed: HTTP 401"));

  calls_are_good_ = lists_are_good_ = true;
  wait_until([&] { return circuit() == "closed"; });
  const Reply back = ask("first");
  EXPECT_EQ(back.header("x-yardmaster-model"), "flaky");
  EXPECT_EQ(back.header("x-yardmaster-attempts"), "1");
  EXPECT_EQ(calls_, 2);
  const std::string metrics = get("/metrics").text;
  EXPECT_THAT(metrics, HasSubstr(R"(yardmaster_probes_total{model="flaky",result="ok"} 1)"));
  EXPECT_THAT(metrics,
              Not(HasSubstr(R"(yardmaster_probes_total{model="flaky",result="failed"} 0)")));
  // Nobody asks while it is well.
  const int lists = lists_;
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_EQ(lists_, lists);
  for (const std::string& each : seen()) {
    EXPECT_THAT(each, AnyOf(StartsWith("POST /v1/chat/completions"), Eq("GET /v1/models ")));
  }
}

TEST_F(ChatProbe, TheListOfModelsTellsNothingOfAModelThatFailsByItself) {
  failure_ = "500 Oh";
  lists_are_good_ = true;
  serve_probed(", probe: {interval_s: 0.1}",
               "breaker: {consecutive_failures: 1, open_s: 0.3, max_open_s: 0.3}\n");
  EXPECT_EQ(ask("first").header("x-yardmaster-attempts"), "2");
  // So a call tries it, as without probes.
  wait_until([&] { return circuit() == "half_open"; });
  EXPECT_EQ(lists_, 0);
  calls_are_good_ = true;
  EXPECT_EQ(ask("first").header("x-yardmaster-model"), "flaky");
}

TEST_F(ChatProbe, ACallOfOneTokenTellsOfTheModelItself) {
  failure_ = "500 Oh";
  more_model_ = ", upstream_model: theirs, probe: {interval_s: 0.1, request: chat}";
  serve_probed("", "breaker: {consecutive_failures: 1, open_s: 0.01, max_open_s: 0.01}\n");
  EXPECT_EQ(ask("first").header("x-yardmaster-attempts"), "2");
  wait_until([&] { return calls_ >= 3; });
  EXPECT_EQ(circuit(), "open");
  calls_are_good_ = true;
  wait_until([&] { return circuit() == "closed"; });
  EXPECT_EQ(lists_, 0);
  auto probes = seen();
  probes.erase(probes.begin());
  EXPECT_THAT(probes, Each(AllOf(HasSubstr("POST /v1/chat/completions"), HasSubstr("\"theirs\""),
                                 HasSubstr("\"max_tokens\":1"), Not(HasSubstr("hi")))));
  EXPECT_EQ(ask("first").header("x-yardmaster-model"), "flaky");
  EXPECT_THAT(get("/metrics").text, HasSubstr("yardmaster_decisions_total{model=\"flaky\"} 2"))
      << "probes are no decisions";
}

TEST_F(ChatProbe, NothingIsAskedWithoutIt) {
  serve_probed("", "breaker: {open_s: 0.2, max_open_s: 0.2}\n");
  EXPECT_EQ(ask("first").header("x-yardmaster-attempts"), "2");
  wait_until([&] { return circuit() == "half_open"; });
  EXPECT_EQ(lists_, 0);
  EXPECT_EQ(calls_, 1);
}

TEST_F(ChatProbe, AnIdleModelThatFailsIsLeftOutBeforeAnybodyCalls) {
  failure_ = "503 Oh";
  serve_probed(", probe: {interval_s: 0.1, idle: true}", "breaker: {consecutive_failures: 2}\n");
  wait_until([&] { return circuit() == "open"; });
  EXPECT_EQ(calls_, 0);
  EXPECT_EQ(ask("first").header("x-yardmaster-attempts"), "1");
  lists_are_good_ = calls_are_good_ = true;
  wait_until([&] { return circuit() == "closed"; });
  EXPECT_EQ(ask("first").header("x-yardmaster-model"), "flaky");
}

TEST_F(ChatProbe, AReloadWithoutItEndsItAndSoDoesTheEnd) {
  serve_probed(", probe: {interval_s: 0.1, idle: true}");
  wait_until([&] { return lists_ >= 1; });
  const std::string probed = more_upstreams_;
  more_upstreams_.replace(more_upstreams_.find(", probe"), std::string::npos, "}");
  ASSERT_EQ(post("/v1/admin/reload", "").status, 200u);
  const int lists = lists_;
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  EXPECT_LE(lists_, lists + 1) << "but for one under way";
  more_upstreams_ = probed;
  ASSERT_EQ(post("/v1/admin/reload", "").status, 200u);
  wait_until([&] { return lists_ >= lists + 2; });
  stop();
  const int last = lists_;
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(lists_, last);
}

TEST_F(ChatProbe, TheDaemonEndsWhileAProbeHangs) {
  std::promise<void> asked, closed;
  server_ = std::make_unique<ScriptedServer>([&](Peer& peer) {
    if (!peer.read()) return;
    asked.set_value();
    peer.wait_for_close();
    closed.set_value();
  });
  more_upstreams_ =
      ", {name: played, base_url: 'http://127.0.0.1:" + std::to_string(server_->port()) +
      "/v1', probe: {interval_s: 0.1, idle: true, timeout_s: 600}}";
  more_models_ = "  - {name: flaky, upstream: played}\n";
  start();
  asked.get_future().get();
  stop();
  closed.get_future().get();
}

}  // namespace
}  // namespace yardmaster
