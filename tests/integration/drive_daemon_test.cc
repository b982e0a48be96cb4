// The main job end to end: a daemon on the demo's config, driven over HTTP, learns to route.

#include <gtest/gtest.h>

#include "agent/daemon.h"
#include "agent/drive/driver.h"
#include "agent/drive/report.h"
#include "replay/store.h"
#include "tests/common/temp_dir.h"

namespace yardmaster::agent {
namespace {

class DriveDaemon : public testing::TestWithParam<bool> {
 protected:
  DriveDaemon() : config_(default_config()) {
    config_.listen.port = 0;
    config_.data_dir = (directory_.path() / "data").string();
  }

  test::TempDir directory_;
  Config config_;
};

TEST_P(DriveDaemon, LearnsToBeatTheBestSingleModelAndLosesNothing) {
  auto daemon = Daemon::start(config_);
  ASSERT_TRUE(daemon) << daemon.error().message;
  DriveOptions options;
  options.endpoint = {"127.0.0.1", std::to_string((*daemon)->port()), ""};
  options.chat = GetParam();
  const auto info = ask_daemon_info(options);
  ASSERT_TRUE(info) << info.error().message;
  options.router = info->router;
  const Workload workload = built_in_workload(*info, config_.upstreams.front().seed, 0, 5000);
  const DriveTally tally = drive(options, workload, [](std::uint64_t) {});
  (*daemon)->stop(std::chrono::seconds(10));
  daemon->reset();

  const DriveReport report = summarise(workload, tally, info->weights);
  EXPECT_TRUE(report.lossless) << testing::PrintToString(tally.error_examples);
  EXPECT_GT(report.served.last_1000, report.best_fixed.last_1000);

  const auto store = replay::Store::open_read_only(directory_.path() / "data" / "store");
  ASSERT_TRUE(store) << store.error().message;
  const replay::StoreStats stats = (*store)->stats();
  EXPECT_EQ(stats.decisions, 5000u);
  EXPECT_EQ(stats.outcomes, 5000u);
  EXPECT_EQ(stats.feedback, 5000u);
  EXPECT_EQ(stats.rows, 5000u);
}

INSTANTIATE_TEST_SUITE_P(ByRouteAndByChat, DriveDaemon, testing::Values(false, true),
                         [](const auto& chat) { return chat.param ? "chat" : "route"; });

}  // namespace
}  // namespace yardmaster::agent
