#include "agent/evaluation/off_policy.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "base/random.h"

namespace yardmaster::agent {
namespace {

using Two = std::array<double, 2>;
using TwoWorths = std::array<Worth, 2>;

TEST(OffPolicyEstimate, IsWhatAPersonWouldCompute) {
  const Two target{.75, .25}, propensity{.5, .5};
  const TwoWorths expected{{{.4, .5, .01}, {.8, .9, .02}}};
  OffPolicyEstimate estimate;
  estimate.add({target, propensity, expected, 0, {.6, .7, .03}});
  // .75 * .4 + .25 * .8 = .5; .75 / .5 * (.6 - .4) = .3
  EXPECT_NEAR(estimate.reward().mean, 0.8, 1e-12);
  EXPECT_NEAR(estimate.gain().mean, 0.2, 1e-12);
  EXPECT_NEAR(estimate.quality(), 0.75 * .5 + 0.25 * .9 + 1.5 * .2, 1e-12);
  EXPECT_NEAR(estimate.cost_usd(), 0.75 * .01 + 0.25 * .02 + 1.5 * .02, 1e-12);
  EXPECT_NEAR(estimate.ips_reward(), 0.9, 1e-12);
  EXPECT_NEAR(estimate.snips_reward(), 0.6, 1e-12);
  EXPECT_NEAR(estimate.effective_decisions(), 1, 1e-12);
  EXPECT_EQ(estimate.unsupported_share(), 0);
  EXPECT_EQ(estimate.decisions(), 1u);
}

TEST(OffPolicyEstimate, WithoutDecisionsIsZeroAndFinite) {
  const OffPolicyEstimate estimate;
  EXPECT_EQ(estimate.reward().mean, 0);
  EXPECT_EQ(estimate.last_quarter_reward(), 0);
  EXPECT_EQ(estimate.snips_reward(), 0);
  EXPECT_EQ(estimate.effective_decisions(), 0);
}

TEST(OffPolicyEstimate, OfOneDecisionHasNoIntervalToSpeakOf) {
  const Two certain{1, 0};
  OffPolicyEstimate estimate;
  estimate.add({certain, certain, TwoWorths{}, 0, {.5, .5, 0}});
  EXPECT_EQ(estimate.reward().half, 0);
}

/// Choices drawn with .2 and .8; the models are right with .9 and .5.
OffPolicyEstimate drawn(const Two& target, const TwoWorths& expected, int decisions,
                        std::uint64_t seed) {
  const Two propensity{.2, .8};
  Rng rng(seed);
  OffPolicyEstimate estimate;
  for (int i = 0; i < decisions; ++i) {
    const std::size_t chosen = rng.uniform() < propensity[0] ? 0 : 1;
    const double quality = rng.uniform() < (chosen == 0 ? .9 : .5) ? 1 : 0;
    estimate.add({target, propensity, expected, chosen, {quality, quality, 0}});
  }
  return estimate;
}

TEST(OffPolicyEstimate, IsRightOnAverageWhateverTheExpectations) {
  const Two target{.7, .3};
  const double truth = .7 * .9 + .3 * .5;
  for (const TwoWorths& expected :
       {TwoWorths{{{.9, .9, 0}, {.5, .5, 0}}}, TwoWorths{{{-3, 0, 0}, {7, 1, 0}}}, TwoWorths{}}) {
    const Interval reward = drawn(target, expected, 200'000, 1).reward();
    EXPECT_NEAR(reward.mean, truth, 2 * reward.half);
  }
}

TEST(OffPolicyEstimate, GoodExpectationsNarrowTheInterval) {
  const Two target{.7, .3};
  const Interval good = drawn(target, {{{.9, .9, 0}, {.5, .5, 0}}}, 5000, 2).reward();
  const Interval none = drawn(target, TwoWorths{}, 5000, 2).reward();
  EXPECT_LT(good.half, 0.7 * none.half);
}

TEST(OffPolicyEstimate, TheIntervalHoldsTheTruthAsOftenAsItSays) {
  const Two target{.7, .3};
  const double truth = .7 * .9 + .3 * .5;
  int held = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const Interval reward = drawn(target, {{{.8, .8, 0}, {.6, .6, 0}}}, 500, seed).reward();
    held += std::abs(reward.mean - truth) <= reward.half ? 1 : 0;
  }
  EXPECT_NEAR(held, 380, 15);
}

TEST(OffPolicyEstimate, SaysWhichPartOfTheChoicesTheLogNeverMade) {
  const Two target{.7, .3}, propensity{0, 1};
  OffPolicyEstimate estimate;
  estimate.add({target, propensity, TwoWorths{}, 1, {}});
  EXPECT_NEAR(estimate.unsupported_share(), 0.7, 1e-12);
}

}  // namespace
}  // namespace yardmaster::agent
