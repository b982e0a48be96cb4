// What is particular to ensemble and neural_linear.

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "base/random.h"
#include "policies/policy.h"
#include "tests/unit/policies/observation_builder.h"

namespace yardmaster::policies {
namespace {

std::unique_ptr<Learner> make(const std::string& name, std::size_t models) {
  PolicyOptions options;
  options.dimension = 2;
  options.models = model_names(models);
  options.exploration_floor = 0;
  return std::move(make_learner(name, options).value());
}

std::vector<double> distribution(const Learner& learner, const env::Observation& observation) {
  std::vector<double> out(observation.candidates.size());
  EXPECT_TRUE(learner.live().distribution(observation, out, {}));
  return out;
}

TEST(Ensemble, ProbabilitiesAreVotesOfItsHeads) {
  auto learner = make("ensemble", 3);
  Rng rng(1);
  for (std::uint64_t t = 1; t <= 100; ++t) {
    ASSERT_TRUE(learner->learn(quality_row(t, {static_cast<float>(rng.normal()), 1},
                                           model_names(3)[rng.below(3)], rng.uniform())));
  }
  const ObservationBuilder builder({0.5F, 1}, model_names(3));
  for (const double p : distribution(*learner, builder.at(100))) {
    EXPECT_NEAR(24 * p, std::round(24 * p), 1e-9);
  }
}

TEST(Ensemble, AModelWithoutRowsIsTriedByHeadsThatBeginWithMuchOfIt) {
  auto learner = make("ensemble", 2);
  for (std::uint64_t t = 1; t <= 200; ++t) {
    ASSERT_TRUE(learner->learn(quality_row(t, {0, 1}, "m0", t % 2 == 0 ? 1 : 0)));
  }
  const ObservationBuilder builder({0, 1}, model_names(2));
  EXPECT_GT(distribution(*learner, builder.at(200))[1], 0.2);
}

/// The signs of both features together say which of two models is right, neither of them alone.
/// Returns the probability that the right one got in the end.
double learned_exclusive_or(const std::string& name, std::uint64_t rounds) {
  auto learner = make(name, 2);
  Rng rng(2);
  double last = 0;
  for (std::uint64_t t = 0; t < rounds; ++t) {
    const std::vector<float> features{rng.below(2) == 0 ? 1.0F : -1.0F,
                                      rng.below(2) == 0 ? 1.0F : -1.0F};
    const std::size_t best = features[0] * features[1] > 0 ? 0 : 1;
    const ObservationBuilder builder(features, model_names(2));
    const auto p = distribution(*learner, builder.at(t));
    const std::size_t chosen = rng.uniform() < p[0] ? 0 : 1;
    auto row = quality_row(t + 1, features, model_names(2)[chosen],
                           rng.uniform() < (chosen == best ? 0.9 : 0.3) ? 1 : 0);
    row.outcomes[0].propensity = p[chosen];
    EXPECT_TRUE(learner->learn(row));
    if (t + 500 >= rounds) last += p[best] / 500;
  }
  return last;
}

TEST(NeuralPolicies, LearnWhatIsNotLinearInTheFeatures) {
  for (const char* name : {"neural_linear", "ppo"}) {
    EXPECT_GT(learned_exclusive_or(name, 5000), 0.65) << name;
  }
}

TEST(NeuralLinear, ATrainingCountsEachRowOnce) {
  auto learner = make("neural_linear", 2);
  Rng rng(3);
  const ObservationBuilder builder({0.5F, 1}, model_names(2));
  const auto deviation = [&] {
    std::vector<double> probabilities(2);
    std::vector<Score> scores(2);
    EXPECT_TRUE(learner->live().distribution(builder.at(1000), probabilities, scores));
    return scores[0].quality_sd;
  };
  double before = 0;
  for (std::uint64_t t = 1; t <= 1025; ++t) {  // the first training comes with row 1,023
    if (t == 1023) before = deviation();
    ASSERT_TRUE(learner->learn(quality_row(t, {static_cast<float>(rng.normal()), 1},
                                           model_names(2)[t % 2], rng.uniform() < 0.5 ? 1 : 0)));
  }
  EXPECT_GT(deviation(), 0.8 * before);  // counted twice it would be .7 of it
}

}  // namespace
}  // namespace yardmaster::policies
