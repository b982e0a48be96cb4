#include "agent/simulation/cascade.h"

#include <gtest/gtest.h>

#include "agent/simulation/cascade_player.h"
#include "base/random.h"

namespace yardmaster::agent {
namespace {

/// Three models: "cheap" costs nothing and is right for three queries of four, which the features
/// do not tell; "dear" costs .01 and is always right; "waste" costs .02 and never is.
SimulationData cheap_dear_waste(std::size_t rows) {
  Rng rng(1);
  SimulationData data;
  data.models = {"waste", "dear", "cheap"};
  data.price_references = {0, 0, 0};
  data.encoder = "test";
  data.dimension = 2;
  for (std::size_t row = 0; row < rows; ++row) {
    data.features.push_back(static_cast<float>(rng.normal()));
    data.features.push_back(static_cast<float>(rng.normal()));
    data.cells.push_back({true, 0.0, 0.02, std::nullopt});
    data.cells.push_back({true, 1.0, 0.01, std::nullopt});
    data.cells.push_back({true, row % 4 != 0 ? 1.0 : 0.0, 0, std::nullopt});
  }
  return data;
}

CascadeOptions options_with(double judge_error, std::uint64_t rounds) {
  CascadeOptions options;
  options.cost_weight = 10;
  options.seeds = {0, 1};
  options.judge_error = judge_error;
  options.rounds = rounds;
  return options;
}

double reward_of(const std::vector<SimulationResult>& results, const std::string& policy) {
  for (const SimulationResult& result : results) {
    if (result.policy == policy) return result.mean_reward;
  }
  ADD_FAILURE() << "no result of " << policy;
  return 0;
}

TEST(Cascade, FixedModelsTheLadderAndTheOracleAreWhatAPersonWouldCompute) {
  const auto data = cheap_dear_waste(200);
  const auto results = *simulate_cascade(data, options_with(0, 200), [](double) {});
  EXPECT_NEAR(reward_of(results, "fixed:cheap"), 0.75, 1e-9);
  EXPECT_NEAR(reward_of(results, "fixed:dear"), 0.9, 1e-9);
  EXPECT_NEAR(reward_of(results, "fixed:waste"), -0.2, 1e-9);
  // Cheap first; where the judge says that it failed, dear: .75 and .25 of .9.
  EXPECT_NEAR(reward_of(results, "ladder"), 0.975, 1e-9);
  EXPECT_NEAR(reward_of(results, "oracle"), 0.975, 1e-9);
}

TEST(Cascade, AJudgeWhoGuessesMakesTheLadderOneModel) {
  const auto data = cheap_dear_waste(400);
  const CascadeData cascade(data);
  const Ladder ladder = tune_ladder(cascade.table(), {3, 0.5, 10}, 1);
  EXPECT_EQ(ladder.models, std::vector<std::size_t>{1});
}

TEST(Cascade, PpoLearnsToTryTheCheapModelAndGoOnWhereItFailed) {
  const auto data = cheap_dear_waste(1000);
  const auto results = *simulate_cascade(data, options_with(0, 4000), [](double) {});
  EXPECT_GT(results.front().last_quarter_reward, 0.94);  // dear alone: .9
}

TEST(Cascade, TheSameSeedsGiveTheSameFigures) {
  const auto data = cheap_dear_waste(300);
  const auto a = *simulate_cascade(data, options_with(0.1, 1000), [](double) {});
  const auto b = *simulate_cascade(data, options_with(0.1, 1000), [](double) {});
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].seed_rewards, b[i].seed_rewards);
}

}  // namespace
}  // namespace yardmaster::agent
