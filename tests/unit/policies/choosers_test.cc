#include "policies/choosers.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>
#include <vector>

#include "base/random.h"
#include "tests/unit/policies/observation_builder.h"

namespace yardmaster::policies {
namespace {

double normal_cdf(double z) { return std::erfc(-z / std::numbers::sqrt2) / 2; }

std::vector<double> best(const std::vector<double>& means, const std::vector<double>& deviations) {
  std::vector<double> out(means.size());
  best_of_normals(means, deviations, out);
  return out;
}

std::vector<double> choose(const Chooser& chooser, const std::vector<double>& rewards,
                           const std::vector<double>& deviations, std::uint64_t decisions) {
  const auto names = model_names(rewards.size());
  const ObservationBuilder observation({}, names);
  std::vector<Score> scores(rewards.size());
  for (std::size_t i = 0; i < rewards.size(); ++i) {
    scores[i].reward = rewards[i];
    scores[i].choice_sd = deviations[i];
  }
  std::vector<double> out(rewards.size());
  chooser.choose(observation.at(decisions), scores, out);
  return out;
}

TEST(BestOfNormals, TwoCandidatesMatchTheClosedForm) {
  for (const double gap : {0.0, 0.1, 0.5, 2.0}) {
    for (const double deviation : {0.2, 1.0, 2.5}) {
      const auto p = best({gap, 0}, {1, deviation});
      EXPECT_NEAR(p[0], normal_cdf(gap / std::hypot(1, deviation)), 1e-3)
          << "gap " << gap << " deviation " << deviation;
    }
  }
}

TEST(BestOfNormals, EqualCandidatesShareEvenly) {
  for (const double p : best(std::vector<double>(7, 3.0), std::vector<double>(7, 0.2))) {
    EXPECT_NEAR(p, 1.0 / 7, 1e-9);
  }
}

TEST(BestOfNormals, MatchesAMillionDraws) {
  const std::vector<double> means{0.5, 0.45, 0.3, 0.6, 0.1};
  const std::vector<double> deviations{0.05, 0.1, 0.2, 0.02, 0.4};
  const auto p = best(means, deviations);
  Rng rng(11);
  std::vector<double> wins(means.size());
  constexpr int kDraws = 1'000'000;
  for (int draw = 0; draw < kDraws; ++draw) {
    std::size_t winner = 0;
    double highest = -INFINITY;
    for (std::size_t i = 0; i < means.size(); ++i) {
      const double value = means[i] + deviations[i] * rng.normal();
      if (value > highest) highest = value, winner = i;
    }
    ++wins[winner];
  }
  for (std::size_t i = 0; i < means.size(); ++i) EXPECT_NEAR(p[i], wins[i] / kDraws, 0.02);
}

TEST(BestOfNormals, WithoutUncertaintyTheHighestWins) {
  EXPECT_EQ(best({1, 3, 2}, {0, 0, 0}), (std::vector<double>{0, 1, 0}));
}

RC_GTEST_PROP(BestOfNormals, IsADistributionForAnyMeansAndDeviations, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(1, 40);
  std::vector<double> means(count), deviations(count);
  for (std::size_t i = 0; i < count; ++i) {
    means[i] = *rc::gen::inRange(-1000, 1000) / 100.0;
    deviations[i] = std::pow(10, *rc::gen::inRange(-8, 4));
  }
  const auto p = best(means, deviations);
  for (const double value : p) RC_ASSERT(value >= 0 && std::isfinite(value));
  RC_ASSERT(std::abs(std::accumulate(p.begin(), p.end(), 0.0) - 1) < 1e-9);
}

TEST(ThompsonChooser, ExploresAModelLessTheOlderItIs) {
  const auto names = model_names(3);
  const ObservationBuilder observation({}, names);
  std::vector<Score> scores(3);
  for (std::size_t i = 0; i < 3; ++i) scores[i].reward = 0.1 * static_cast<double>(i);
  for (Score& score : scores) score.choice_sd = 0.2;
  std::vector<double> young(3), aged(3);
  const auto chooser = make_thompson_chooser();
  chooser->choose(observation.at(5000), scores, young);
  scores[0].age_decisions = 900;  // 1 / sqrt(1 + 3) of what it had; the others as before
  chooser->choose(observation.at(5000), scores, aged);
  EXPECT_NEAR(aged[0], young[0] / 2, 1e-12);
  EXPECT_NEAR(aged[1], young[1], 1e-12);
  EXPECT_NEAR(aged[2], young[2] + young[0] / 2, 1e-12);
}

TEST(ThompsonChooser, AmongManyPrefersThoseThatMayBeBetter) {
  const auto chooser = make_thompson_chooser();
  const auto unsure_of_first = [&](std::size_t count) {
    std::vector<double> means(count, 0.5), deviations(count, 0.1);
    means[0] = 0.4;
    deviations[0] = 0.2;
    return std::pair{choose(*chooser, means, deviations, 0), best(means, deviations)};
  };
  const auto [few, sampled_of_few] = unsure_of_first(12);
  EXPECT_EQ(few, sampled_of_few);
  const auto [many, sampled_of_many] = unsure_of_first(16);
  EXPECT_GT(many[0], 1.2 * sampled_of_many[0]);
  EXPECT_NEAR(many[1], many[15], 1e-6);
}

TEST(UcbChooser, TakesTheHighestBoundAndSharesTies) {
  const auto chooser = make_ucb_chooser(2);
  EXPECT_EQ(choose(*chooser, {1, 0, 0.5}, {0, 1, 0.1}, 0), (std::vector<double>{0, 1, 0}));
  EXPECT_EQ(choose(*chooser, {1, 1}, {0, 0}, 0), (std::vector<double>{0.5, 0.5}));
}

TEST(EpsilonGreedyChooser, ExploresLessWithTheCubeRootOfTime) {
  const auto chooser = make_epsilon_greedy_chooser(0.5);
  // t = 7: epsilon = .5 / 2 = .25, spread over two models.
  const auto p = choose(*chooser, {0, 1}, {0, 0}, 7);
  EXPECT_NEAR(p[0], 0.125, 1e-12);
  EXPECT_NEAR(p[1], 0.875, 1e-12);
}

TEST(SquareCbChooser, WeighsByTheInverseGap) {
  const auto chooser = make_squarecb_chooser(10);
  // gamma = 10 * sqrt(4) = 20; the worse model by .4 gets 1 / (2 + 8).
  const auto p = choose(*chooser, {0.4, 0}, {0, 0}, 4);
  EXPECT_NEAR(p[1], 0.1, 1e-12);
  EXPECT_NEAR(p[0], 0.9, 1e-12);
}

TEST(FixedChooser, TakesTheFirstCandidateWhereItsModelIsNone) {
  const auto chooser = make_fixed_chooser("m1");
  EXPECT_EQ(choose(*chooser, {0, 0, 0}, {0, 0, 0}, 0), (std::vector<double>{0, 1, 0}));
  EXPECT_EQ(choose(*make_fixed_chooser("gone"), {0, 0}, {0, 0}, 0), (std::vector<double>{1, 0}));
}

RC_GTEST_PROP(MixFloor, GivesEachItsShareAndKeepsTheSum, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(1, 200);
  std::vector<double> p(count);
  for (double& value : p) value = *rc::gen::inRange(0, 1000);
  p[0] += 1;
  mix_floor(0.05, p);
  double sum = 0;
  for (const double value : p) {
    RC_ASSERT(value >= 0.05 / static_cast<double>(count));
    sum += value;
  }
  RC_ASSERT(std::abs(sum - 1) < 1e-9);
}

}  // namespace
}  // namespace yardmaster::policies
