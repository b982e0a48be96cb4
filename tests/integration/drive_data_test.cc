// What `simulate` promises is what a daemon does over HTTP: the same data, the same policy, the
// same reward, and nothing lost on the way. The tolerances leave room for a learner that a busy
// machine keeps waiting; on an idle one both come within .01.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "agent/daemon.h"
#include "agent/drive/driver.h"
#include "agent/drive/report.h"
#include "agent/simulation.h"
#include "base/random.h"
#include "replay/store.h"
#include "tests/common/temp_dir.h"

namespace yardmaster::agent {
namespace {

class DriveData : public testing::Test {
 protected:
  /// Queries of four subjects in random words; each model is good at one of them, at a price.
  std::string made_up_data(std::size_t rows) {
    constexpr std::array kSubjects{"algebra", "poetry", "chemistry", "law"};
    constexpr std::array kWords{"short", "long",   "old",      "new",
                                "hard",  "simple", "question", "case"};
    Rng rng(7);
    const std::string path = (directory_.path() / "outcomes.jsonl").string();
    std::ofstream file(path);
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t subject = rng() % kSubjects.size();
      std::string query = kSubjects[subject];
      for (int i = 0; i < 6; ++i) query += std::string(" ") + kWords[rng() % kWords.size()];
      file << R"({"query_id":")" << row << R"(","query":")" << query << R"(","outcomes":{)";
      for (std::size_t model = 0; model < kSubjects.size(); ++model) {
        const double skill = model == subject ? 0.85 : 0.35;
        file << (model > 0 ? "," : "") << "\"m" << model << R"(":{"quality":)"
             << (rng.uniform() < skill ? 1 : 0) << R"(,"cost_usd":)" << 0.0005 * double(model + 1)
             << '}';
      }
      file << "}}\n";
    }
    return path;
  }

  double simulated(const SimulationData& data, std::vector<std::uint64_t> seeds) const {
    SimulationOptions options;
    options.weights = weights_;
    options.seeds = std::move(seeds);
    options.traits = false;  // the daemon below is told the models' names alone
    const auto result = simulate(data, "default", options, [](double) {});
    EXPECT_TRUE(result) << result.error().message;
    return result ? result->mean_reward : 0;
  }

  /// The mean reward of a daemon of its own that starts knowing nothing.
  double driven(const SimulationData& data, const std::string& path, std::uint64_t seed) {
    Config config;
    config.listen.port = 0;
    config.data_dir = (directory_.path() / ("data-" + std::to_string(seed))).string();
    config.objective.cost_weight = weights_.cost;
    for (const std::string& model : data.models) {
      env::ModelSpec spec;
      spec.name = model;
      config.models.push_back(std::move(spec));
    }
    config.routers = {RouterConfig{}};
    auto daemon = Daemon::start(config);
    EXPECT_TRUE(daemon) << daemon.error().message;
    if (!daemon) return 0;
    DriveOptions options;
    options.endpoint = {"127.0.0.1", std::to_string((*daemon)->port()), ""};
    options.concurrency = 1;
    const auto info = ask_daemon_info(options);
    EXPECT_TRUE(info);
    const auto workload = data_workload(*info, path, seed, 0);
    EXPECT_TRUE(workload);
    // A moment for the learner, which on a busy machine gets none beside a drive without a break.
    const DriveTally tally = drive(options, *workload, [](std::uint64_t) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
    (*daemon)->stop(std::chrono::seconds(10));
    daemon->reset();

    const DriveReport report = summarise(*workload, tally, info->weights);
    EXPECT_TRUE(report.lossless) << testing::PrintToString(tally.error_examples);
    const auto store =
        replay::Store::open_read_only(std::filesystem::path(config.data_dir) / "store");
    EXPECT_TRUE(store);
    const replay::StoreStats stats = (*store)->stats();
    EXPECT_EQ(stats.decisions, data.rows());
    EXPECT_EQ(stats.outcomes, data.rows());
    EXPECT_EQ(stats.feedback, data.rows());
    EXPECT_EQ(stats.rows, data.rows());
    return report.served.mean;
  }

  void expect_agreement(const std::string& path, const std::vector<std::uint64_t>& seeds,
                        double tolerance) {
    const auto encoder = env::make_encoder("static").value();
    const auto data = load_simulation_data(path, *encoder, [](double) {});
    ASSERT_TRUE(data) << data.error().message;
    double driven_sum = 0;
    for (const std::uint64_t seed : seeds) driven_sum += driven(*data, path, seed);
    const double driven_mean = driven_sum / static_cast<double>(seeds.size());
    const double simulated_mean = simulated(*data, seeds);
    std::cout << "driven " << driven_mean << ", simulated " << simulated_mean << '\n';
    EXPECT_NEAR(driven_mean, simulated_mean, tolerance);
  }

  test::TempDir directory_;
  ObjectiveWeights weights_{30, 0};
};

TEST_F(DriveData, ADaemonLearnsAsTheSimulationSays) {
  expect_agreement(made_up_data(3000), {0, 1, 2, 3}, 0.05);
}

TEST_F(DriveData, ADaemonLearnsAsTheSimulationSaysOnMmluPro) {
  const char* root = std::getenv("YARDMASTER_SHARED_DATA");
  const std::string shared = root != nullptr ? root : YARDMASTER_SOURCE_DIR "/../shared/data";
  const std::string path = shared + "/mmlu_pro/outcomes.jsonl";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  expect_agreement(path, {0}, 0.03);
}

}  // namespace
}  // namespace yardmaster::agent
