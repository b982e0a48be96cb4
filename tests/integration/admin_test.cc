#include <gmock/gmock.h>

#include <fstream>

#include "tests/integration/daemon_fixture.h"

namespace yardmaster {
namespace {

using ::testing::HasSubstr;

class Admin : public test::DaemonFixture {
 protected:
  /// A decision with outcome and feedback.
  std::string complete_decision(double quality, agent::HttpClient::Headers headers = {}) {
    const Reply routed = post("/v1/route", R"({"query": "2 + 2?"})", std::move(headers));
    const std::string id = text(routed, "decision_id");
    EXPECT_EQ(post("/v1/outcomes", R"({"decision_id": ")" + id + R"(", "status": "ok"})").status,
              200u);
    EXPECT_EQ(judge(id, quality).status, 200u);
    return id;
  }

  std::int64_t version() {
    return get("/v1/admin/learner").json().at("policy_version").to_number<std::int64_t>();
  }

  void wait_for_version(std::int64_t wanted) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (version() < wanted && std::chrono::steady_clock::now() < deadline) {
    }
    EXPECT_GE(version(), wanted);
  }

  boost::json::object policy() {
    return get("/v1/admin/policy").json().at("policies").as_array().at(0).as_object();
  }
};

TEST_F(Admin, PolicyStatusTellsVersionRowsAndSnapshots) {
  start();
  for (int i = 0; i < 5; ++i) complete_decision(0.5);
  wait_for_version(5);
  ASSERT_EQ(post("/v1/admin/policy/checkpoint", "").status, 200u);
  const auto status = policy();
  EXPECT_EQ(status.at("router").as_string(), "auto");
  EXPECT_EQ(status.at("rows_learned").to_number<int>(), 5);
  EXPECT_FALSE(status.at("failed").as_bool());
  ASSERT_GE(status.at("snapshots").as_array().size(), 1u);
  EXPECT_EQ(
      status.at("snapshots").as_array()[0].as_object().at("version").to_number<std::int64_t>(), 5);
}

TEST_F(Admin, ARollbackServesAnOlderVersionUntilPromotedAndLearningGoesOn) {
  start();
  for (int i = 0; i < 3; ++i) complete_decision(0.5);
  wait_for_version(3);
  ASSERT_EQ(post("/v1/admin/policy/checkpoint", "").status, 200u);
  for (int i = 0; i < 4; ++i) complete_decision(0.5);
  wait_for_version(7);

  const Reply rolled = post("/v1/admin/policy/rollback", R"({"version": 3})");
  ASSERT_EQ(rolled.status, 200u) << rolled.text;
  const auto served = [&] {
    return post("/v1/route", R"({"query": "hi"})").json().at("policy_version").to_number<int>();
  };
  EXPECT_EQ(served(), 3);
  complete_decision(0.5);
  wait_for_version(8);
  EXPECT_EQ(served(), 3) << "what is learned is not served";
  EXPECT_TRUE(policy().at("rolled_back").as_bool());
  EXPECT_EQ(policy().at("serving_version").to_number<int>(), 3);

  stop();
  start();
  EXPECT_EQ(served(), 3) << "it outlives a restart";
  EXPECT_GE(version(), 8);

  ASSERT_EQ(post("/v1/admin/policy/promote", "").status, 200u);
  EXPECT_GE(served(), 8);
  EXPECT_FALSE(policy().at("rolled_back").as_bool());
}

TEST_F(Admin, ARollbackToWhatIsNotThereIsRefusedAndChangesNothing) {
  start();
  complete_decision(0.5);
  wait_for_version(1);
  ASSERT_EQ(post("/v1/admin/policy/checkpoint", "").status, 200u);
  const Reply unknown = post("/v1/admin/policy/rollback", R"({"version": 99})");
  EXPECT_EQ(unknown.status, 404u);
  EXPECT_THAT(unknown.error(), HasSubstr("there are 1"));
  EXPECT_EQ(post("/v1/admin/policy/rollback", R"({"router": "x", "version": 1})").status, 404u);
  EXPECT_EQ(post("/v1/admin/policy/rollback", "{}").status, 400u);
  EXPECT_EQ(post("/v1/admin/policy/rollback", R"({"version": "1"})").status, 400u);
  EXPECT_FALSE(policy().at("rolled_back").as_bool());
}

TEST_F(Admin, ADamagedRolledBackPolicyGivesWayToTheNewest) {
  start();
  complete_decision(0.5);
  wait_for_version(1);
  ASSERT_EQ(post("/v1/admin/policy/checkpoint", "").status, 200u);
  ASSERT_EQ(post("/v1/admin/policy/rollback", R"({"version": 1})").status, 200u);
  stop();
  std::ofstream(dir_.path() / "data" / "snapshots" / "auto.pinned") << "nonsense";
  start();
  EXPECT_FALSE(policy().at("rolled_back").as_bool());
  EXPECT_EQ(post("/v1/route", R"({"query": "hi"})").status, 200u);
}

TEST_F(Admin, MetricsTellTheLearnersState) {
  start();
  EXPECT_THAT(get("/metrics").text, HasSubstr("yardmaster_learner_healthy{router=\"auto\"} 1"));
  EXPECT_THAT(get("/metrics").text, HasSubstr("yardmaster_learner_paused 0"));
  post("/v1/admin/learner/pause", "");
  EXPECT_THAT(get("/metrics").text, HasSubstr("yardmaster_learner_paused 1"));
}

TEST_F(Admin, ASilentChangeOfAModelIsInTheStatusAndTheMetrics) {
  start();
  constexpr int kBefore = 150, kAfter = 100;
  for (int i = 0; i < kBefore + kAfter; ++i) {
    complete_decision(i < kBefore ? 0.8 + 0.1 * (i % 2) : 0.1,
                      {{"x-yardmaster-allow-models", "small"}});
  }
  wait_for_version(kBefore + kAfter);
  const auto changes = policy().at("changes_detected").as_array();
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].as_object().at("model").as_string(), "small");
  EXPECT_EQ(changes[0].as_object().at("count").to_number<int>(), 1);
  const auto last = changes[0].as_object().at("last").as_object();
  EXPECT_EQ(last.at("value").as_string(), "quality");
  EXPECT_LT(last.at("shift").to_number<double>(), -0.5);
  EXPECT_GT(last.at("row").to_number<int>(), kBefore);
  const std::string metrics = get("/metrics").text;
  const std::string name = "yardmaster_policy_changes_detected_total{router=\"auto\",model=\"";
  EXPECT_THAT(metrics, HasSubstr(name + "small\"} 1"));
  EXPECT_THAT(metrics, HasSubstr(name + "large\"} 0"));
}

TEST_F(Admin, APausedLearnerServesOnAndCatchesUpWhenResumed) {
  start();
  EXPECT_TRUE(post("/v1/admin/learner/pause", "").json().at("paused").as_bool());
  complete_decision(1);
  EXPECT_EQ(get("/v1/admin/learner").json().at("rows_waiting").to_number<int>(), 1);
  EXPECT_FALSE(post("/v1/admin/learner/resume", "").json().at("paused").as_bool());
  wait_for_version(1);
}

TEST_F(Admin, ABackupOfTheRunningDaemonServesAsADataDirectory) {
  start();
  const std::string id = complete_decision(0.75);
  wait_for_version(1);
  ASSERT_EQ(post("/v1/admin/policy/checkpoint", "").status, 200u);
  const Reply saved = post("/v1/admin/backup", "");
  ASSERT_EQ(saved.status, 200u) << saved.text;
  const std::string directory = text(saved, "directory");
  const std::string after = route();
  stop();

  std::filesystem::remove_all(dir_.path() / "data" / "store");
  std::filesystem::remove_all(dir_.path() / "data" / "snapshots");
  std::filesystem::rename(directory + "/store", dir_.path() / "data" / "store");
  std::filesystem::rename(directory + "/snapshots", dir_.path() / "data" / "snapshots");
  start();
  EXPECT_EQ(get("/v1/decisions/" + id).json().at("feedback").as_array().size(), 1u);
  EXPECT_EQ(get("/v1/decisions/" + after).status, 404u) << "made after the backup";
  EXPECT_EQ(version(), 1);
}

TEST_F(Admin, ADamagedSnapshotIsPassedOverAndTheRowsAreLearnedAgain) {
  start();
  for (int i = 0; i < 3; ++i) complete_decision(0.5);
  wait_for_version(3);
  stop();
  const auto snapshot = dir_.path() / "data" / "snapshots" / "auto-3.snapshot";
  ASSERT_TRUE(std::filesystem::exists(snapshot));
  std::filesystem::resize_file(snapshot, 20);
  start();
  EXPECT_EQ(version(), 3);
  EXPECT_EQ(policy().at("rows_learned").to_number<int>(), 3) << "from the rows, not the snapshot";
}

TEST_F(Admin, ASecondDaemonOnTheSameDataDirectoryIsRefused) {
  start();
  auto config = agent::parse_config(config_text(), "test.yaml",
                                    [](std::string_view) { return std::optional<std::string>(); });
  ASSERT_TRUE(config);
  const auto second = agent::Daemon::start(*config);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("in use"));
  route();
}

TEST_F(Admin, ThePortOfAnotherDaemonIsRefused) {
  more_listen_ = ", io_threads: 2";
  start();
  auto config = agent::parse_config(config_text(), "test.yaml",
                                    [](std::string_view) { return std::optional<std::string>(); });
  ASSERT_TRUE(config);
  config->data_dir = (dir_.path() / "other").string();
  config->listen.port = daemon_->port();
  const auto second = agent::Daemon::start(*config);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("cannot listen"));
}

TEST_F(Admin, SeveralIoThreadsShareThePortAndTheirCountersAddUp) {
  more_listen_ = ", io_threads: 3";
  start();
  for (int i = 0; i < 20; ++i) {
    connect("");  // each connection may land on another thread
    route();
  }
  EXPECT_THAT(get("/metrics").text,
              HasSubstr("yardmaster_requests_total{endpoint=\"route\",status=\"2xx\"} 20"));
}

}  // namespace
}  // namespace yardmaster
