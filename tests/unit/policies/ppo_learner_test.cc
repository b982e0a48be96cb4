#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "base/random.h"
#include "policies/policy.h"
#include "tests/unit/policies/observation_builder.h"

namespace yardmaster::policies {
namespace {

std::unique_ptr<Learner> make_ppo(std::size_t models) {
  PolicyOptions options;
  options.dimension = 2;
  options.models = model_names(models);
  return std::move(make_learner("ppo", options).value());
}

std::vector<double> distribution(const Learner& learner, const env::Observation& observation) {
  std::vector<double> out(observation.candidates.size());
  EXPECT_TRUE(learner.live().distribution(observation, out, {}));
  return out;
}

/// Logs of a uniform choice at cost weight 30: m0 is right with .6 and cheap, m1 with .9 and dear.
void learn_cheap_and_dear(Learner& learner, std::uint64_t rows) {
  Rng rng(1);
  for (std::uint64_t t = 1; t <= rows; ++t) {
    const bool dear = rng.below(2) == 1;
    auto row = quality_row(t, {static_cast<float>(rng.normal()), 1}, dear ? "m1" : "m0",
                           rng.uniform() < (dear ? 0.9 : 0.6) ? 1 : 0);
    row.weights = {30, 0};
    row.outcomes[0].propensity = 0.5;
    row.outcomes[0].cost_usd = dear ? 0.02 : 0.0001;
    row.outcomes[0].price_reference = dear ? 0.02 : 0.0001;
    ASSERT_TRUE(learner.learn(row));
  }
}

TEST(Ppo, OnePolicyServesEveryTradeOff) {
  auto learner = make_ppo(2);
  learn_cheap_and_dear(*learner, 3000);
  ObservationBuilder builder({0.1F, 1}, model_names(2));
  builder.candidates()[0].price_reference = 0.0001;
  builder.candidates()[1].price_reference = 0.02;
  EXPECT_GT(distribution(*learner, builder.at(3000, {0, 0}))[1], 0.9);
  EXPECT_LT(distribution(*learner, builder.at(3000, {30, 0}))[1], 0.1);
}

TEST(Ppo, ANewPriceActsAtTheNextQuery) {
  auto learner = make_ppo(2);
  learn_cheap_and_dear(*learner, 3000);
  ObservationBuilder builder({0.1F, 1}, model_names(2));
  builder.candidates()[0].price_reference = 0.0001;
  builder.candidates()[1].price_reference = 0.02;
  const double before = distribution(*learner, builder.at(3000, {30, 0}))[1];
  builder.candidates()[1].price_reference = 0.0002;
  EXPECT_GT(distribution(*learner, builder.at(3000, {30, 0}))[1], 10 * before);
}

TEST(Ppo, LearnsFromLogsOfAnotherPolicyWithTheirPropensities) {
  auto learner = make_ppo(2);
  Rng rng(2);
  // The better model was hardly ever tried.
  for (std::uint64_t t = 1; t <= 4000; ++t) {
    const bool better = rng.uniform() < 0.1;
    auto row = quality_row(t, {static_cast<float>(rng.normal()), 1}, better ? "m1" : "m0",
                           rng.uniform() < (better ? 0.8 : 0.4) ? 1 : 0);
    row.outcomes[0].propensity = better ? 0.1 : 0.9;
    ASSERT_TRUE(learner->learn(row));
  }
  const ObservationBuilder builder({0.1F, 1}, model_names(2));
  EXPECT_GT(distribution(*learner, builder.at(4000))[1], 0.9);
}

TEST(Ppo, APartOfABlockIsPartOfTheState) {
  auto original = make_ppo(2), restored = make_ppo(2);
  learn_cheap_and_dear(*original, 1001);  // blocks of 32: nine rows into one
  std::stringstream state;
  ASSERT_TRUE(original->save(state));
  ASSERT_TRUE(restored->load(state));
  const ObservationBuilder builder({0.1F, 1}, model_names(2));
  for (std::uint64_t t = 1002; t <= 1100; ++t) {
    const auto row = quality_row(t, {0.5F, 1}, "m0", 1);
    ASSERT_TRUE(original->learn(row));
    ASSERT_TRUE(restored->learn(row));
  }
  EXPECT_EQ(distribution(*original, builder.at(1100)), distribution(*restored, builder.at(1100)));
}

TEST(Ppo, RowsWithoutAQualityTeachCostAlone) {
  auto learner = make_ppo(2);
  for (std::uint64_t t = 1; t <= 200; ++t) {
    auto row = quality_row(t, {0.5F, 1}, t % 2 == 0 ? "m0" : "m1", 0);
    row.outcomes[0].quality.reset();
    row.outcomes[0].cost_usd = t % 2 == 0 ? 0.0001 : 0.01;
    ASSERT_TRUE(learner->learn(row));
  }
  const ObservationBuilder builder({0.5F, 1}, model_names(2));
  EXPECT_NEAR(distribution(*learner, builder.at(200, {0, 0}))[0], 0.5, 0.05);
  EXPECT_GT(distribution(*learner, builder.at(200, {30, 0}))[0], 0.9);
}

}  // namespace
}  // namespace yardmaster::policies
