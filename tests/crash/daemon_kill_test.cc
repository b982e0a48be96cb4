// kill -9 of a daemon under load: what it acknowledged is there afterwards, each once, and the
// learner has used each row once.

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "agent/assembly.h"
#include "agent/config.h"
#include "agent/http/client.h"
#include "base/random.h"
#include "tests/common/child_process.h"
#include "tests/common/temp_dir.h"
#include "tests/crash/rounds.h"

namespace yardmaster {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr int kKills = 8;
constexpr int kWorkers = 4;

/// Moments in the daemon's life (docs/development.md), and how often they pass in a second or so.
struct Failpoint {
  const char* name;
  std::uint64_t often;
};
constexpr Failpoint kFailpoints[] = {
    {"store.in_group", 300},    {"store.before_log", 100}, {"store.after_log", 100},
    {"store.before_sync", 200}, {"store.after_sync", 200}, {"store.table_written", 3},
    {"file.written", 3},        {"file.synced", 3},        {"file.renamed", 3},
    {"learner.learned", 20},    {"learner.published", 20}};

/// What clients were told is stored.
struct Acknowledged {
  std::set<std::string> decisions;
  std::set<std::string> outcomes;
  std::set<std::string> feedback;
};

/// Sends queries with outcomes and feedback until the daemon is gone.
asio::awaitable<void> send_queries(agent::HttpEndpoint endpoint, std::uint64_t seed,
                                   Acknowledged& told) {
  agent::HttpClient client(co_await asio::this_coro::executor, endpoint, "",
                           std::chrono::seconds(10));
  Rng rng(seed);
  for (;;) {
    const auto routed = co_await client.send(
        "/v1/route", R"({"query": "question )" + std::to_string(rng.below(1000)) + R"("})", {});
    if (!routed) co_return;
    const json::value answer = json::parse(routed->body());
    if (answer.at("decision_id").is_null()) continue;  // the machine's disk hung: not logged
    const std::string id(answer.at("decision_id").as_string());
    told.decisions.insert(id);
    const auto outcome = co_await client.send(
        "/v1/outcomes",
        R"({"decision_id": ")" + id + R"(", "status": "ok", "cost_usd": 0.001, "latency_s": 1})",
        {});
    if (!outcome) co_return;
    if (outcome->result_int() == 200) told.outcomes.insert(id);
    const auto judged =
        co_await client.send("/v1/feedback",
                             R"({"decision_id": ")" + id + R"(", "metric": "quality", "value": )" +
                                 std::to_string(rng.below(2)) + "}",
                             {});
    if (!judged) co_return;
    if (judged->result_int() == 200) told.feedback.insert(id);
  }
}

class DaemonKill : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(config_file()) << "listen: {port: 0}\ndata_dir: " << (dir_.path() / "data")
                                 << "\nmodels: [{name: a}, {name: b}, {name: c}]\n"
                                    "learner: {snapshot_rows: 100}\n";
  }

  std::string config_file() const { return (dir_.path() / "config.yaml").string(); }

  std::unique_ptr<test::ChildProcess> start(const std::string& failpoint = "") {
    const std::vector<std::string> command{YARDMASTER_BINARY, "serve", "--config", config_file()};
    auto child = std::make_unique<test::ChildProcess>(
        command, std::vector<std::string>{"YARDMASTER_FAILPOINT=" + failpoint});
    const std::string line = child->read_until("listening on ");
    port_ = line.empty() ? "" : line.substr(line.rfind(':') + 1);
    EXPECT_TRUE(!line.empty() || !failpoint.empty()) << child->log;
    return child;
  }

  /// Loads the daemon and kills it after so long, where it has not come to `failpoint` before.
  void load_and_kill(std::chrono::milliseconds after, Rng& rng, const std::string& failpoint = "") {
    const auto child = start(failpoint);
    if (port_.empty()) {
      EXPECT_EQ(child->wait(), -SIGKILL) << child->log;  // it came to it while it started
      return;
    }
    asio::io_context io;
    for (int worker = 0; worker < kWorkers; ++worker) {
      asio::co_spawn(io, send_queries({"127.0.0.1", port_, ""}, rng(), told_), asio::detached);
    }
    asio::steady_timer timer(io, after);
    timer.async_wait([&](boost::system::error_code) { child->kill(SIGKILL); });
    io.run();
    EXPECT_EQ(child->wait(), -SIGKILL) << child->log;
  }

  /// Everything that was acknowledged, and the learner as one that learned it all from the first.
  void check_what_is_left();

  test::TempDir dir_;
  std::string port_;
  Acknowledged told_;
  const std::uint64_t seed_ = crash::seed(2026);
  const testing::ScopedTrace trace_{__FILE__, __LINE__, "seed " + std::to_string(seed_)};
};

std::string state_of(const agent::RouterLearner& learner) {
  std::ostringstream out;
  EXPECT_TRUE(learner.learner().save(out));
  return out.str();
}

TEST_F(DaemonKill, OnSighupItReadsTheConfigAnewAndServesOn) {
  const auto child = start();
  child->kill(SIGHUP);
  EXPECT_FALSE(child->read_until("the config was reloaded").empty()) << child->log;
  child->kill(SIGTERM);
  EXPECT_EQ(child->wait(), 0) << child->log;
}

TEST_F(DaemonKill, WhatWasAcknowledgedIsThereOnceAndEachRowIsLearnedOnce) {
  Rng rng(seed_);
  for (int i = 0; i < crash::rounds(kKills); ++i) {
    load_and_kill(std::chrono::milliseconds(20 + rng.below(400)), rng);
  }
  ASSERT_GT(told_.feedback.size(), 100u);
  check_what_is_left();
}

TEST_F(DaemonKill, AtEachFailpointTheSameHolds) {
  Rng rng(seed_);
  const int rounds = crash::rounds(static_cast<int>(std::size(kFailpoints)));
  for (int round = 0; round < rounds; ++round) {
    const Failpoint& point = kFailpoints[static_cast<std::size_t>(round) % std::size(kFailpoints)];
    const std::string armed =
        std::string(point.name) + ":" + std::to_string(1 + rng.below(point.often));
    SCOPED_TRACE(armed);
    load_and_kill(std::chrono::seconds(1), rng, armed);
  }
  check_what_is_left();
}

void DaemonKill::check_what_is_left() {
  {
    const auto last_run = start();
    last_run->kill(SIGTERM);
    EXPECT_EQ(last_run->wait(), 0) << last_run->log;
  }

  const auto config = agent::load_config(config_file());
  ASSERT_TRUE(config) << config.error().message;
  const auto assembly = agent::Assembly::make(*config);
  ASSERT_TRUE(assembly) << assembly.error().message;
  const auto store = assembly->open_store();
  ASSERT_TRUE(store) << store.error().message;
  for (const std::string& id : told_.decisions) {
    const auto record = (*store)->find(*DecisionId::parse(id));
    ASSERT_TRUE(record) << id;
    EXPECT_TRUE(record->outcome || !told_.outcomes.contains(id)) << id;
    EXPECT_TRUE(record->feedback.size() == 1 || !told_.feedback.contains(id)) << id;
    EXPECT_LE(record->feedback.size(), 1u) << id;
  }

  std::map<std::string, int> rows_of;
  const auto rows = (*store)->rows_after(0, 10'000'000);
  ASSERT_TRUE(rows);
  for (const TrainingRow& row : *rows) ++rows_of[row.decision.str()];
  for (const std::string& id : told_.feedback) EXPECT_EQ(rows_of[id], 1) << id;

  // The state that the daemon saved, against one that learns every row from the first.
  const auto learners = assembly->make_learners();
  ASSERT_TRUE(learners);
  agent::RouterLearner& recovered = *learners->front();
  EXPECT_TRUE(recovered.recover(**store).empty());
  EXPECT_EQ(recovered.version(), rows->size()) << "the last run saved what it learned";
  auto fresh = std::move(assembly->make_learners().value());
  fresh.front()->learn(*rows);
  EXPECT_EQ(state_of(recovered), state_of(*fresh.front()));
}

}  // namespace
}  // namespace yardmaster
