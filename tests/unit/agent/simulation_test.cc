#include "agent/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <boost/json/parse.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent/commands/simulate.h"
#include "base/random.h"
#include "policies/policy.h"

namespace yardmaster::agent {
namespace {

const Progress kSilent = [](double) {};

/// Two models: "a" is right where the only feature is positive, "b" where it is negative; "b"
/// costs .01.
SimulationData two_models(std::size_t rows) {
  SimulationData data;
  data.models = {"a", "b"};
  data.price_references = {0, 0};
  data.encoder = "test";
  data.dimension = 1;
  for (std::size_t row = 0; row < rows; ++row) {
    const bool positive = row % 2 == 0;
    data.features.push_back(positive ? 1.0F : -1.0F);
    data.cells.push_back({true, positive ? 1.0 : 0.0, 0, std::nullopt});
    data.cells.push_back({true, positive ? 0.0 : 1.0, 0.01, std::nullopt});
  }
  return data;
}

SimulationOptions options_with(double cost_weight) {
  SimulationOptions options;
  options.weights = {cost_weight, 0};
  return options;
}

const SimulationResult& find(const std::vector<SimulationResult>& results,
                             const std::string& policy) {
  for (const SimulationResult& result : results) {
    if (result.policy == policy) return result;
  }
  throw std::runtime_error("no result of " + policy);
}

TEST(Simulation, BaselinesAreWhatAPersonWouldCompute) {
  const auto results = *simulate_baselines(two_models(2000), options_with(10));
  // a: quality .5; b: .5 - .1; the best per query: half 1, half 1 - .1.
  EXPECT_NEAR(find(results, "best_fixed").mean_reward, 0.5, 1e-12);
  EXPECT_NEAR(find(results, "oracle").mean_reward, 0.95, 1e-12);
  EXPECT_NEAR(find(results, "oracle").regret, 0, 1e-9);
  EXPECT_NEAR(find(results, "best_fixed").regret, 900, 1e-9);
  EXPECT_NEAR(find(results, "random").mean_reward, 0.45, 0.05);
}

TEST(Simulation, AFixedModelGetsItsOwnMeans) {
  const auto result = simulate(two_models(100), "fixed:b", options_with(10), kSilent);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_NEAR(result->mean_reward, 0.4, 1e-12);
  EXPECT_NEAR(result->mean_quality, 0.5, 1e-12);
  EXPECT_NEAR(result->mean_cost_usd, 0.01, 1e-12);
  EXPECT_NEAR(result->regret, 55, 1e-9);
  EXPECT_NEAR(result->ci95[0], 0.4, 1e-12);
  EXPECT_GT(result->decisions_per_s, 0);
}

TEST(Simulation, ALearningPolicyNearsTheOracleWhereTheQueryTells) {
  const auto result = simulate(two_models(2000), "lints", options_with(10), kSilent);
  ASSERT_TRUE(result);
  EXPECT_GT(result->last_quarter_reward, 0.94);
}

TEST(Simulation, TheSameSeedsGiveTheSameFigures) {
  const auto data = two_models(300);
  const auto a = simulate(data, "lints", options_with(10), kSilent);
  const auto b = simulate(data, "lints", options_with(10), kSilent);
  EXPECT_EQ(a->mean_reward, b->mean_reward);
  EXPECT_EQ(a->ci95, b->ci95);
}

TEST(Simulation, ADelayLongerThanTheRunLeavesNothingToLearnFrom) {
  SimulationOptions options = options_with(0);
  options.feedback.delay.from = 10'000;
  const auto result = simulate(two_models(1000), "lints", options, kSilent);
  ASSERT_TRUE(result);
  EXPECT_NEAR(result->last_quarter_reward, 0.5, 0.1);
}

TEST(Simulation, WithoutFeedbackOnlyCostIsLearned) {
  SimulationOptions options = options_with(10);
  options.feedback.rate = 0;
  const auto result = simulate(two_models(1000), "lints", options, kSilent);
  ASSERT_TRUE(result);
  EXPECT_LT(result->mean_cost_usd, 0.005);      // learned: half would be .005
  EXPECT_NEAR(result->mean_quality, 0.5, 0.1);  // not learned
}

TEST(Simulation, AWarmStartSavesTheLearning) {
  const auto data = two_models(400);
  SimulationOptions options = options_with(10);
  const auto cold = simulate(data, "lints", options, kSilent);
  options.warm_start = &data;
  const auto warm = simulate(data, "lints", options, kSilent);
  EXPECT_GT(warm->mean_reward, cold->mean_reward);
  EXPECT_GT(warm->mean_reward, 0.93);
}

TEST(Simulation, RoundsBeyondTheDataGoThroughItAgain) {
  SimulationOptions options = options_with(0);
  options.rounds = 250;
  const auto result = simulate(two_models(100), "fixed:a", options, kSilent);
  EXPECT_NEAR(result->mean_reward, 0.5, 0.05);
  EXPECT_NEAR(result->regret, 125, 15);
}

TEST(Simulation, PermutedQueriesTeachNothingAboutModels) {
  SimulationData data = two_models(4000);
  Rng rng(3);
  for (float& feature : data.features) feature = rng.below(2) == 0 ? 1.0F : -1.0F;
  const auto result = simulate(data, "lints", options_with(0), kSilent);
  EXPECT_LT(result->mean_reward, 0.5 + 0.02);
}

class SimulateCommand : public testing::Test {
 protected:
  void SetUp() override {
    directory_ =
        std::filesystem::path(testing::TempDir()) /
        (std::string("simulate_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(directory_);
    std::ofstream data(path("outcomes.jsonl"));
    for (int i = 0; i < 40; ++i) {
      data << R"({"query_id":"q","query":"question )" << i
           << R"(","outcomes":{"a":{"quality":1,"cost_usd":0.001},"b":{"quality":0}}})" << '\n';
    }
    data << "broken\n";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string path(const std::string& name) const { return (directory_ / name).string(); }

  int run(std::vector<std::string> arguments) const {
    CLI::App app;
    int exit_code = -1;
    add_simulate(app, exit_code);
    arguments.insert(arguments.begin(), "simulate");
    std::reverse(arguments.begin(), arguments.end());
    try {
      app.parse(arguments);
    } catch (const CLI::ParseError&) {
      return 2;
    }
    return exit_code;
  }

  std::filesystem::path directory_;
};

TEST_F(SimulateCommand, WritesTheContractsJson) {
  const std::string json = path("out.json");
  ASSERT_EQ(run({"--data", path("outcomes.jsonl"), "--policy", "all,fixed:b,random", "--encoder",
                 "hash", "--seeds", "0,1", "--cost-weight", "30", "--json", json}),
            0);
  std::ifstream file(json);
  std::stringstream text;
  text << file.rdbuf();
  const auto result = boost::json::parse(text.str()).as_object();
  EXPECT_EQ(result.at("rows").to_number<int>(), 40);
  EXPECT_EQ(result.at("models").as_array().size(), 2u);
  EXPECT_EQ(result.at("cost_weight").to_number<double>(), 30);
  EXPECT_EQ(result.at("seeds").as_array().size(), 2u);
  EXPECT_EQ(result.at("encoder").as_string(), "hash");
  std::vector<std::string> policies;
  for (const auto& row : result.at("results").as_array()) {
    policies.emplace_back(row.at("policy").as_string());
    for (const char* field : {"mean_reward", "mean_quality", "mean_cost_usd", "last_quarter_reward",
                              "regret", "decisions_per_s"}) {
      EXPECT_TRUE(row.at(field).is_number()) << field;
    }
    EXPECT_EQ(row.at("ci95").as_array().size(), 2u);
  }
  std::vector<std::string> expected = policies::policy_names();  // random is a baseline as well
  expected.insert(expected.end(), {"fixed:b", "best_fixed", "oracle"});
  EXPECT_THAT(policies, testing::UnorderedElementsAreArray(expected));
}

TEST_F(SimulateCommand, DrawsEveryPolicyAndFixedModelAtEveryCostWeight) {
  const std::string plot = path("out.svg"), json = path("out.json");
  ASSERT_EQ(run({"--data", path("outcomes.jsonl"), "--policy", "lints", "--encoder", "hash",
                 "--cost-weight", "0,30", "--plot", plot, "--json", json}),
            0);
  std::ifstream drawn(plot);
  std::stringstream svg;
  svg << drawn.rdbuf();
  for (const char* name : {"<svg", "</svg>", ">lints<", ">oracle<", ">random<", ">best_fixed<",
                           ">a<", ">b<", "mean reward at cost weight 0"}) {
    EXPECT_THAT(svg.str(), testing::HasSubstr(name));
  }
  EXPECT_THAT(svg.str(), testing::Not(testing::HasSubstr("nan")));
  std::ifstream file(json);
  std::stringstream text;
  text << file.rdbuf();
  const auto runs = boost::json::parse(text.str()).at("runs").as_array();
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[1].at("cost_weight").to_number<double>(), 30);
}

TEST_F(SimulateCommand, SaysByItsExitCodeWhatWentWrong) {
  EXPECT_EQ(run({"--data", path("outcomes.jsonl"), "--policy", "no_such_policy"}), 2);
  EXPECT_EQ(run({"--data", path("outcomes.jsonl"), "--policy", "fixed:no_such_model", "--encoder",
                 "hash"}),
            2);
  EXPECT_EQ(run({"--data", path("outcomes.jsonl"), "--encoder", "no_such_encoder"}), 2);
  EXPECT_EQ(run({"--data", path("outcomes.jsonl"), "--no-such-flag"}), 2);
  EXPECT_EQ(run({"--policy", "lints"}), 2);
  EXPECT_EQ(run({"--data", path("absent.jsonl"), "--encoder", "hash"}), 1);
}

}  // namespace
}  // namespace yardmaster::agent
