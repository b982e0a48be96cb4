#include "policies/linear_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "tests/unit/policies/joint_ridge.h"

namespace yardmaster::policies {
namespace {

TEST(LinearModel, MeansAreThoseOfOneJointRidgeRegression) {
  const auto rows = random_rows(3, 200, 1);
  const std::vector<float> features{0.3F, -1.1F, 0.5F};
  const auto expected = joint_ridge(one_level().prior, 3, rows, features);
  for (const std::uint64_t rebuild_rows : {4096, 64}) {
    LinearModel model(one_level(rebuild_rows));
    learn_all(model, rows);
    const auto scores = score(model.view(), features, model_names(3));
    for (std::size_t arm = 0; arm < 3; ++arm) EXPECT_NEAR(scores[arm].quality, expected[arm], 1e-9);
  }
}

TEST(LinearModel, AnArmNotSeenGetsWhatTheOthersShare) {
  const auto rows = random_rows(2, 100, 2);
  const std::vector<float> features{1, 0, 0};
  // An arm without rows adds nothing to the equations but its prior.
  const auto expected = joint_ridge(one_level().prior, 3, rows, features);
  LinearModel model(one_level());
  learn_all(model, rows);
  const auto scores = score(model.view(), features, {"never seen"});
  EXPECT_NEAR(scores[0].quality, expected[2], 1e-9);
  EXPECT_GT(scores[0].choice_sd, score(model.view(), features, {"m0"})[0].choice_sd);
}

TEST(LinearModel, ForgettingIsWeightedRidgeRegression) {
  LinearOptions options = one_level();
  options.half_life_decisions = 50;
  LinearModel model(options);
  auto rows = random_rows(2, 192, 3);  // the clock is set anew every 64 decisions: exact there
  learn_all(model, rows);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].weight = std::exp2(-(192.0 - static_cast<double>(i + 1)) / 50);
  }
  const std::vector<float> features{0.2F, 0.4F, -0.3F};
  const auto expected = joint_ridge(options.prior, 2, rows, features);
  const auto scores = score(model.view(), features, model_names(2));
  for (std::size_t arm = 0; arm < 2; ++arm) EXPECT_NEAR(scores[arm].quality, expected[arm], 1e-9);
}

TEST(LinearModel, ACorrectionEqualsHavingLearnedTheNewValue) {
  auto rows = random_rows(2, 80, 4);
  LinearModel corrected(one_level()), straight(one_level());
  learn_all(corrected, rows);
  for (const std::size_t index : {7, 33}) {
    auto row = quality_row(81 + index, rows[index].features, "m" + std::to_string(rows[index].arm),
                           rows[index].quality + 2);
    row.replaces = row.outcomes[0];
    row.replaces->quality = rows[index].quality;
    ASSERT_TRUE(corrected.learn(row));
    rows[index].quality += 2;
  }
  learn_all(straight, rows);
  const std::vector<float> features{0.2F, 0.4F, -0.3F};
  const auto a = score(corrected.view(), features, model_names(2));
  const auto b = score(straight.view(), features, model_names(2));
  for (std::size_t arm = 0; arm < 2; ++arm) {
    EXPECT_NEAR(a[arm].quality, b[arm].quality, 1e-9);
    EXPECT_NEAR(a[arm].cost_usd, b[arm].cost_usd, 1e-9);
  }
}

TEST(LinearModel, AValueTakenBackEqualsNeverHavingLearnedIt) {
  const auto rows = random_rows(2, 80, 5);
  LinearModel taken_back(one_level()), never(one_level());
  learn_all(taken_back, rows);
  auto row = quality_row(81, rows[79].features, "m" + std::to_string(rows[79].arm), 0);
  row.replaces = row.outcomes[0];
  row.replaces->quality = rows[79].quality;
  row.outcomes[0].quality.reset();
  ASSERT_TRUE(taken_back.learn(row));
  learn_all(never, {rows.begin(), rows.end() - 1});
  const std::vector<float> features{0.2F, 0.4F, -0.3F};
  const auto a = score(taken_back.view(), features, model_names(2));
  const auto b = score(never.view(), features, model_names(2));
  for (std::size_t arm = 0; arm < 2; ++arm) EXPECT_NEAR(a[arm].quality, b[arm].quality, 1e-9);
}

TEST(LinearModel, CostIsLearnedWhereQualityIsMissing) {
  LinearModel model(one_level());
  Rng rng(6);
  for (std::uint64_t t = 1; t <= 400; ++t) {
    auto row = quality_row(t, {0, 0, 0}, t % 2 == 0 ? "cheap" : "dear", 0.5);
    if (t % 4 < 2) row.outcomes[0].quality.reset();
    row.outcomes[0].cost_usd = t % 2 == 0 ? 0.0001 : 0.02;
    ASSERT_TRUE(model.learn(row));
  }
  const auto scores = score(model.view(), {0, 0, 0}, {"cheap", "dear"}, {30, 0});
  EXPECT_NEAR(scores[0].cost_usd, 0.0001, 0.00001);
  EXPECT_NEAR(scores[1].cost_usd, 0.02, 0.001);
  EXPECT_NEAR(scores[1].quality, 0.5, 0.01);
  EXPECT_NEAR(scores[1].reward, scores[1].quality - 30 * scores[1].cost_usd, 1e-12);
}

TEST(LinearModel, AChangedPriceActsOnTheNextScore) {
  LinearModel model(one_level());
  for (std::uint64_t t = 1; t <= 50; ++t) {
    auto row = quality_row(t, {0, 0, 0}, "m0", 0.5);
    row.outcomes[0].cost_usd = 0.004;
    row.outcomes[0].price_reference = 0.002;
    ASSERT_TRUE(model.learn(row));
  }
  EXPECT_NEAR(score(model.view(), {0, 0, 0}, {"m0"}, {1, 0}, 0.002)[0].cost_usd, 0.004, 1e-4);
  EXPECT_NEAR(score(model.view(), {0, 0, 0}, {"m0"}, {1, 0}, 0.001)[0].cost_usd, 0.002, 1e-4);
}

TEST(LinearModel, AnUnseenModelIsExpectedToCostWhatItsPriceSays) {
  LinearModel model(one_level());
  for (std::uint64_t t = 1; t <= 50; ++t) {
    auto row = quality_row(t, {0, 0, 0}, "m0", 0.5);
    row.outcomes[0].cost_usd = 0.004;
    row.outcomes[0].price_reference = 0.002;
    ASSERT_TRUE(model.learn(row));
  }
  EXPECT_NEAR(score(model.view(), {0, 0, 0}, {"new"}, {1, 0}, 0.02)[0].cost_usd, 0.04, 1e-3);
}

TEST(LinearModel, ThePriorOfTheContextIsTakenFromTheData) {
  // m0 and m1 differ by the query much or not at all; the noise is the same.
  const auto spread = [](double difference) {
    LinearOptions options;
    options.dimension = kDimension;
    LinearModel model(options);
    Rng rng(7);
    for (std::uint64_t t = 1; t <= 2000; ++t) {
      std::vector<float> features(kDimension);
      for (float& value : features) value = static_cast<float>(0.6 * rng.normal());
      const double sign = t % 2 == 0 ? 1 : -1;
      const double quality = 0.5 + sign * difference * features[0] + 0.3 * rng.normal();
      EXPECT_TRUE(model.learn(quality_row(t, features, t % 2 == 0 ? "m0" : "m1", quality)));
    }
    return model.view().heads[kQuality].own_weight;
  };
  const LinearPrior prior;
  EXPECT_EQ(spread(1.0), prior.own_weights.front());
  EXPECT_GE(spread(0.0), prior.own_weights[prior.default_level]);
}

TEST(LinearModel, TheNoiseVarianceIsEstimated) {
  LinearModel model(one_level());
  Rng rng(8);
  for (std::uint64_t t = 1; t <= 3000; ++t) {
    ASSERT_TRUE(model.learn(quality_row(t, {0, 0, 0}, "m0", 0.5 + 0.2 * rng.normal())));
  }
  EXPECT_NEAR(model.view().heads[kQuality].noise_variance, 0.04, 0.004);
}

TEST(LinearModel, TheSnapshotsFlatCopyAgreesWithTheTensors) {
  LinearModel model(one_level());
  learn_all(model, random_rows(3, 300, 9));
  const LinearView copy = model.view().copy();
  const std::vector<float> features{0.7F, -0.2F, 0.1F};
  const auto live = score(model.view(), features, model_names(4));
  const auto flat = score(copy, features, model_names(4));
  for (std::size_t arm = 0; arm < 4; ++arm) {
    EXPECT_NEAR(flat[arm].quality, live[arm].quality, 1e-5);
    EXPECT_NEAR(flat[arm].reward_sd, live[arm].reward_sd, 1e-5);
    EXPECT_NEAR(flat[arm].choice_sd, live[arm].choice_sd, 1e-5);
  }
}

TEST(LinearModel, AChoiceOfTheSnapshotHangsOnWhatTheTensorsSay) {
  LinearModel model(one_level());
  learn_all(model, random_rows(3, 300, 9));
  const LinearView copy = model.view().copy();
  ObservationBuilder builder({0.7F, -0.2F, 0.1F}, model_names(4));
  std::vector<Score> flat(4), live(4);
  ASSERT_TRUE(copy.score(builder.at(0, {30, 0.1}), false, flat));
  ASSERT_TRUE(model.view().score(builder.at(0, {30, 0.1}), true, live));
  for (std::size_t arm = 0; arm < 4; ++arm) {
    EXPECT_NEAR(flat[arm].quality, live[arm].quality, 1e-9);
    EXPECT_NEAR(flat[arm].cost_usd, live[arm].cost_usd, 1e-9);
    EXPECT_NEAR(flat[arm].latency_s, live[arm].latency_s, 1e-9);
    EXPECT_NEAR(flat[arm].reward, live[arm].reward, 1e-9);
    EXPECT_NEAR(flat[arm].choice_sd, live[arm].choice_sd, 1e-9);
  }
}

double explored_variance(const LinearModel& model, std::vector<float> features,
                         std::uint64_t decisions) {
  ObservationBuilder builder(std::move(features), model_names(4));
  std::vector<Score> scores(4);
  EXPECT_TRUE(model.view().score(builder.at(decisions, {0, 0}), false, scores));
  return scores[0].choice_sd * scores[0].choice_sd;
}

TEST(LinearModel, ChoicesExploreWhatTheContextAddsTheLessTheOlderAModelIs) {
  LinearOptions options = one_level();
  options.context_fading_decisions = 100;
  LinearModel fading(options), steady(one_level());
  const auto rows = random_rows(3, 300, 9);
  learn_all(fading, rows);
  learn_all(steady, rows);
  const std::vector<float> mean{0, 0, 0}, other{0.9F, -0.7F, 0.4F};
  EXPECT_NEAR(explored_variance(fading, mean, 10'000), explored_variance(steady, mean, 10'000),
              1e-12);
  const double context = explored_variance(steady, other, 0) - explored_variance(steady, mean, 0);
  EXPECT_GT(context, 0);
  for (const std::uint64_t age : {0, 100, 900}) {
    EXPECT_NEAR(explored_variance(fading, other, age) - explored_variance(fading, mean, age),
                context / (1 + static_cast<double>(age) / 100), 0.01 * context)
        << age;
  }
}

TEST(LinearModel, ChoicesExploreTheContextInFullWhereItDecides) {
  LinearOptions options;
  options.dimension = kDimension;
  options.context_fading_decisions = 100;
  LinearModel model(options);
  const std::vector<float> other{0.9F, -0.7F, 0.4F};
  Rng rng(12);
  const auto learn = [&](std::uint64_t from, std::uint64_t to, double steepness) {
    for (std::uint64_t t = from; t <= to; ++t) {
      std::vector<float> features(kDimension);
      for (float& value : features) value = static_cast<float>(rng.normal());
      const std::size_t arm = rng.below(4);
      const double own = arm == 0 ? 1 : -1;
      const double quality = 0.5 + steepness * own * features[0] + 0.1 * rng.normal();
      ASSERT_TRUE(model.learn(quality_row(t, features, "m" + std::to_string(arm), quality)));
    }
  };
  learn(1, 400, 0.001);
  EXPECT_LT(explored_variance(model, other, 10'000), explored_variance(model, other, 0));
  learn(401, 1'600, 0.4);
  EXPECT_DOUBLE_EQ(explored_variance(model, other, 10'000), explored_variance(model, other, 0));
}

TEST(LinearModel, StaysSoundOverManyRowsWithForgetting) {
  LinearOptions options;
  options.dimension = kDimension;
  options.half_life_decisions = 500;
  LinearModel model(options);
  Rng rng(10);
  for (std::uint64_t t = 1; t <= 50'000; ++t) {
    std::vector<float> features(kDimension);
    for (float& value : features) value = static_cast<float>(rng.normal());
    const bool changed = t > 40'000;  // the better model changes
    const bool first = rng.below(2) == 0;
    const double quality = (first != changed ? 0.9 : 0.2) + 0.05 * rng.normal();
    ASSERT_TRUE(model.learn(quality_row(t, features, first ? "m0" : "m1", quality)));
  }
  const auto scores = score(model.view(), {0, 0, 0}, model_names(2));
  EXPECT_NEAR(scores[0].quality, 0.2, 0.02);
  EXPECT_NEAR(scores[1].quality, 0.9, 0.02);
  EXPECT_GT(scores[0].choice_sd, 0);
}

TEST(LinearModel, AStateOfOtherOptionsIsUnsupported) {
  LinearModel model(one_level());
  std::stringstream state;
  ASSERT_TRUE(model.save(state));
  LinearOptions other = one_level();
  other.half_life_decisions = 9;
  const auto loaded = LinearModel(other).load(state);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::unsupported);
}

void hand_over(const LinearModel& saved, LinearModel& loaded) {
  std::stringstream state;
  ASSERT_TRUE(saved.save(state));
  ASSERT_TRUE(loaded.load(state));
}

/// What a model of the second options makes of a state that one of the first has learned and saved.
struct HandedOver {
  HandedOver(const LinearOptions& other, const LinearOptions& own)
      : saved(other), expected(own), loaded(own) {
    const auto rows = random_rows(3, 300, 9);
    learn_all(saved, rows);
    learn_all(expected, rows);
    hand_over(saved, loaded);
  }

  static std::vector<Score> scores(const LinearModel& model) {
    return score(model.view(), {0.7F, -0.2F, 0.1F}, model_names(3));
  }

  LinearModel saved, expected, loaded;  ///< expected: has learned the same by itself
};

LinearOptions levels_from_1() {
  LinearOptions options;
  options.dimension = kDimension;
  options.prior.own_weights = {1, 6, 32, 160, 800};
  options.prior.default_level = 1;
  return options;
}

TEST(LinearModel, AStateOfAnotherPriorOfInterceptsIsReadByTheOwn) {
  LinearOptions other = one_level();
  other.prior.own_intercept = 8;
  const HandedOver models(other, one_level());
  const auto before = HandedOver::scores(models.saved);
  const auto as_learned = HandedOver::scores(models.expected);
  const auto as_loaded = HandedOver::scores(models.loaded);
  for (std::size_t arm = 0; arm < 3; ++arm) {
    EXPECT_NEAR(as_loaded[arm].quality, as_learned[arm].quality, 1e-9);
    EXPECT_GT(std::abs(before[arm].quality - as_learned[arm].quality), 1e-5);
  }
}

TEST(LinearModel, AStateOfOtherLevelsIsReadByTheOwn) {
  LinearOptions own;
  own.dimension = kDimension;
  const HandedOver models(levels_from_1(), own);
  const auto as_learned = HandedOver::scores(models.expected);
  const auto as_loaded = HandedOver::scores(models.loaded);
  ASSERT_EQ(models.loaded.view().heads[kQuality].own_weight,
            models.expected.view().heads[kQuality].own_weight);
  for (std::size_t arm = 0; arm < 3; ++arm) {
    EXPECT_NEAR(as_loaded[arm].quality, as_learned[arm].quality, 1e-6);
  }
  // It is saved as one of the own levels.
  LinearModel again(own);
  hand_over(models.loaded, again);
}

TEST(LinearModel, AStateOfOtherLevelsTellsTheNearest) {
  LinearOptions own;
  own.dimension = kDimension;
  LinearModel saved(levels_from_1()), loaded(own);
  Rng rng(13);
  for (std::uint64_t t = 1; t <= 2000; ++t) {  // models that differ in their means alone
    std::vector<float> features(kDimension);
    for (float& value : features) value = static_cast<float>(rng.normal());
    const bool first = rng.below(2) == 0;
    const double quality = (first ? 0.7 : 0.4) + 0.2 * rng.normal();
    ASSERT_TRUE(saved.learn(quality_row(t, features, first ? "m0" : "m1", quality)));
  }
  const double before = saved.view().heads[kQuality].own_weight;
  ASSERT_GE(before, 160);
  hand_over(saved, loaded);
  EXPECT_EQ(loaded.view().heads[kQuality].own_weight, 320);
}

TEST(LinearModel, AStateOfAnotherNumberOfLevelsIsUnsupported) {
  LinearOptions other, own;
  other.dimension = own.dimension = kDimension;
  other.prior.own_weights = {1, 6, 32};
  std::stringstream state;
  ASSERT_TRUE(LinearModel(other).save(state));
  const auto loaded = LinearModel(own).load(state);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::unsupported);
}

TEST(LinearModel, TheWeakestLevelIsExploredOnlyOnceTheMeansTakeIt) {
  LinearOptions options;
  options.dimension = kDimension;
  LinearModel model(options);
  EXPECT_EQ(model.view().heads[kQuality].explored_weight, options.prior.own_weights[1]);
  Rng rng(14);
  for (std::uint64_t t = 1; t <= 2000; ++t) {
    std::vector<float> features(kDimension);
    for (float& value : features) value = static_cast<float>(0.6 * rng.normal());
    const double sign = t % 2 == 0 ? 1 : -1;
    const double quality = 0.5 + sign * features[0] + 0.1 * rng.normal();
    ASSERT_TRUE(model.learn(quality_row(t, features, t % 2 == 0 ? "m0" : "m1", quality)));
  }
  EXPECT_EQ(model.view().heads[kQuality].own_weight, options.prior.own_weights[0]);
  EXPECT_EQ(model.view().heads[kQuality].explored_weight, options.prior.own_weights[0]);
}

TEST(LinearModel, OneWrongCostDoesNotDecideWhatAModelIsThoughtToCost) {
  LinearOptions options;
  options.dimension = kDimension;
  LinearModel model(options);
  const auto learn = [&](std::uint64_t t, double cost_usd) {
    TrainingRow row = quality_row(t, {0.1F, -0.2F, 0.3F}, "m0", 0.5);
    row.outcomes[0].cost_usd = cost_usd;
    ASSERT_TRUE(model.learn(row));
  };
  for (std::uint64_t t = 1; t <= 500; ++t) learn(t, 0.001);
  learn(501, 1000);
  EXPECT_LT(score(model.view(), {0.1F, -0.2F, 0.3F}, {"m0"})[0].cost_usd, 0.0012);
  for (std::uint64_t t = 502; t <= 1000; ++t) learn(t, 0.01);
  EXPECT_GT(score(model.view(), {0.1F, -0.2F, 0.3F}, {"m0"})[0].cost_usd, 0.005)
      << "a true rise is followed";
}

}  // namespace
}  // namespace yardmaster::policies
