// What models have in common before any of them has served: traits as a prior of the linear model.

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "policies/policy.h"
#include "tests/unit/policies/joint_ridge.h"

namespace yardmaster::policies {
namespace {

/// m0, m1, ... with a score each.
std::vector<env::ModelSpec> models_with_scores(const std::vector<double>& scores) {
  std::vector<env::ModelSpec> models;
  for (const double score : scores) {
    env::ModelSpec& model = models.emplace_back();
    model.name = "m" + std::to_string(models.size() - 1);
    model.scores = {{"bench", score}, {"other", std::sin(7 * score)}};
  }
  return models;
}

LinearOptions with_traits(const std::vector<double>& scores) {
  LinearOptions options = one_level();
  options.traits = env::ModelTraits(models_with_scores(scores));
  return options;
}

std::vector<std::vector<double>> traits_of(const LinearOptions& options, std::size_t arms) {
  std::vector<std::vector<double>> out;
  for (const std::string& name : model_names(arms)) {
    const auto traits = options.traits.of(name);
    out.emplace_back(traits.begin(), traits.end());
  }
  return out;
}

const std::vector<float> kFeatures{0.3F, -1.1F, 0.5F};

TEST(LinearModelTraits, MeansAreThoseOfOneJointRidgeRegressionAlsoOfAnArmWithoutRows) {
  for (const std::uint64_t rebuild_rows : {4096, 64}) {
    LinearOptions options = with_traits({0.1, 0.2, 0.7, 0.9, 0.4});
    options.rebuild_rows = rebuild_rows;
    const auto rows = random_rows(4, 200, 1);
    LinearModel model(options);
    learn_all(model, rows);
    model.add_arm("m4");
    const auto expected = joint_ridge(options.prior, 5, rows, kFeatures, traits_of(options, 5));
    const auto scores = score(model.view(), kFeatures, model_names(5));
    for (std::size_t arm = 0; arm < 5; ++arm) EXPECT_NEAR(scores[arm].quality, expected[arm], 1e-9);
  }
}

TEST(LinearModelTraits, AnArmWithoutRowsStartsBetweenTheArmsThatItResembles) {
  LinearOptions options = with_traits({0, 0.1, 0.2, 0.8, 0.9, 1, 0.05, 0.95});
  LinearModel model(options);
  Rng rng(3);
  for (std::uint64_t t = 1; t <= 3000; ++t) {
    const std::uint64_t arm = rng.below(6);
    const double quality = (arm < 3 ? 0.2 : 0.8) + 0.1 * rng.normal();
    ASSERT_TRUE(model.learn(quality_row(t, {0, 0, 0}, "m" + std::to_string(arm), quality)));
  }
  model.add_arm("m6");
  model.add_arm("m7");
  const auto scores = score(model.view(), {0, 0, 0}, {"m6", "m7", "unknown"});
  EXPECT_LT(scores[0].quality, 0.4);
  EXPECT_GT(scores[1].quality, 0.6);
  EXPECT_NEAR(scores[2].quality, 0.5, 0.05) << "of which nothing is known";
  EXPECT_NEAR(scores[0].choice_sd, scores[2].choice_sd, 1e-12) << "no less is explored";
}

TEST(LinearModelTraits, TheOwnRowsOfAnArmOverrideItsTraits) {
  LinearModel model(with_traits({0, 0.1, 0.9, 1}));
  Rng rng(4);
  for (std::uint64_t t = 1; t <= 4000; ++t) {
    const std::uint64_t arm = rng.below(4);
    const double quality = (arm == 1 || arm == 2 ? 0.7 : 0.3) + 0.1 * rng.normal();
    ASSERT_TRUE(model.learn(quality_row(t, {0, 0, 0}, "m" + std::to_string(arm), quality)));
  }
  const auto scores = score(model.view(), {0, 0, 0}, model_names(4));
  for (std::size_t arm = 0; arm < 4; ++arm) {
    EXPECT_NEAR(scores[arm].quality, arm == 1 || arm == 2 ? 0.7 : 0.3, 0.02);
  }
}

TEST(LinearModelTraits, AStateMeetsOtherTraitsAsIfItsRowsHadBeenLearnedWithThem) {
  const auto rows = random_rows(3, 200, 5);
  LinearModel old(with_traits({0.3, 0.1, 0.2, 0.7}));
  learn_all(old, rows);
  std::stringstream state;
  ASSERT_TRUE(old.save(state));
  const LinearOptions changed = with_traits({0.1, 0.5, 0.9, 0.4});
  LinearModel loaded(changed);
  ASSERT_TRUE(loaded.load(state));
  loaded.add_arm("m3");
  const auto expected = joint_ridge(changed.prior, 4, rows, kFeatures, traits_of(changed, 4));
  const auto scores = score(loaded.view(), kFeatures, model_names(4));
  for (std::size_t arm = 0; arm < 4; ++arm) EXPECT_NEAR(scores[arm].quality, expected[arm], 1e-9);
}

TEST(LinearModelTraits, AStateWithTheSameTraitsContinuesBitForBit) {
  const auto rows = random_rows(3, 300, 6);
  LinearModel model(with_traits({0.3, 0.1, 0.2, 0.7}));
  learn_all(model, rows);
  std::stringstream state, again;
  ASSERT_TRUE(model.save(state));
  LinearModel loaded(with_traits({0.3, 0.1, 0.2, 0.7}));
  ASSERT_TRUE(loaded.load(state));
  ASSERT_TRUE(loaded.save(again));
  EXPECT_EQ(again.str(), state.str());
}

TEST(LinearModelTraits, TheSnapshotsFlatCopyAgreesWithTheTensors) {
  LinearModel model(with_traits({0.3, 0.1, 0.2, 0.9}));
  learn_all(model, random_rows(3, 300, 7));
  model.add_arm("m3");
  const LinearView copy = model.view().copy();
  const auto live = score(model.view(), kFeatures, model_names(5));
  const auto flat = score(copy, kFeatures, model_names(5));
  for (std::size_t arm = 0; arm < 5; ++arm) {
    EXPECT_DOUBLE_EQ(flat[arm].quality, live[arm].quality);
    EXPECT_DOUBLE_EQ(flat[arm].reward_sd, live[arm].reward_sd);
  }
  ObservationBuilder builder(kFeatures, model_names(5));
  std::vector<Score> chosen_by(5);
  ASSERT_TRUE(copy.score(builder.at(0), false, chosen_by));
  for (std::size_t arm = 0; arm < 5; ++arm) {
    EXPECT_NEAR(chosen_by[arm].quality, live[arm].quality, 1e-9);
    EXPECT_NEAR(chosen_by[arm].choice_sd, live[arm].choice_sd, 1e-9);
  }
}

/// Mean reward of 100 decisions from the moment on at which the best of nine models is added, whose
/// benchmark score says that it is; over 60 pools.
double reward_after_a_good_model_came(const std::string& policy, bool scores_known) {
  double sum = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Rng rng(seed);
    std::vector<double> quality;
    for (int arm = 0; arm < 9; ++arm) quality.push_back(0.3 + 0.05 * arm);
    PolicyOptions options;
    options.dimension = kDimension;
    options.models = model_names(8);
    if (scores_known) options.traits = env::ModelTraits(models_with_scores(quality));
    auto learner = std::move(make_learner(policy, options).value());
    for (std::uint64_t t = 1; t <= 1100; ++t) {
      if (t == 1001) learner->add_arm("m8");
      std::vector<float> features(kDimension);
      for (float& value : features) value = static_cast<float>(0.5 * rng.normal());
      const ObservationBuilder builder(features, model_names(t > 1000 ? 9 : 8));
      std::vector<double> probabilities(t > 1000 ? 9 : 8);
      EXPECT_TRUE(learner->live().distribution(builder.at(t), probabilities, {}));
      double left = rng.uniform();
      std::size_t arm = 0;
      while (arm + 1 < probabilities.size() && left >= probabilities[arm])
        left -= probabilities[arm++];
      if (t > 1000) sum += quality[arm];
      EXPECT_TRUE(learner->learn(quality_row(t, features, "m" + std::to_string(arm),
                                             rng.uniform() < quality[arm] ? 1 : 0)));
    }
  }
  return sum / (60 * 100);
}

TEST(LinearModelTraits, ANewModelThatItsScoresPraiseIsFoundSooner) {
  EXPECT_GT(reward_after_a_good_model_came("lints", true),
            reward_after_a_good_model_came("lints", false) + 0.005);
}

}  // namespace
}  // namespace yardmaster::policies
