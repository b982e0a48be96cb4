// Models that change without a word: what the linear model notices and how it recovers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "base/random.h"
#include "policies/linear_model.h"
#include "tests/unit/policies/observation_builder.h"

namespace yardmaster::policies {
namespace {

constexpr std::size_t kDimension = 3;
constexpr int kRowsBefore = 4000;

class LinearModelChange : public testing::Test {
 protected:
  LinearModelChange() : model_(options()) {}

  static LinearOptions options() {
    LinearOptions out;
    out.dimension = kDimension;
    return out;
  }

  std::vector<float> random_features() {
    std::vector<float> out(kDimension);
    for (float& value : out) value = static_cast<float>(0.5 * rng_.normal());
    return out;
  }

  /// Rows of m0 and m1 in turn, right with these probabilities.
  void learn(LinearModel& model, int rows, double m0, double m1) {
    for (int i = 0; i < rows; ++i) {
      const bool first = ++sequence_ % 2 == 0;
      const double quality = rng_.uniform() < (first ? m0 : m1) ? 1 : 0;
      ASSERT_TRUE(
          model.learn(quality_row(sequence_, random_features(), first ? "m0" : "m1", quality)));
    }
  }

  static std::size_t changes(LinearModel& model) { return model.take_changes().size(); }

  static std::vector<Score> scores(const LinearModel& model) {
    ObservationBuilder builder(std::vector<float>(kDimension), model_names(2));
    std::vector<Score> out(2);
    EXPECT_TRUE(model.view().score(builder.at(0), true, out));
    return out;
  }

  Rng rng_{11};
  LinearModel model_;
  std::uint64_t sequence_ = 0;
};

TEST_F(LinearModelChange, AModelIsAsOldAsWhatIsKnownOfItsPresentSelf) {
  const auto ages = [&](const LinearModel& model) {
    ObservationBuilder builder(std::vector<float>(kDimension), {"m0", "m1", "late", "unknown"});
    std::vector<Score> scores(4);
    EXPECT_TRUE(model.view().score(builder.at(sequence_), false, scores));
    std::vector<double> out;
    for (const Score& score : scores) out.push_back(score.age_decisions);
    return out;
  };
  model_.add_arm("m0");
  model_.add_arm("m1");
  learn(model_, kRowsBefore, 0.7, 0.6);
  model_.add_arm("late");
  learn(model_, 100, 0.7, 0.6);
  EXPECT_THAT(ages(model_), testing::ElementsAre(4100, 4100, 100, 0));
  while (changes(model_) == 0) learn(model_, 1, 0.2, 0.6);
  learn(model_, 10, 0.2, 0.6);
  EXPECT_EQ(ages(model_)[0], 10);
  EXPECT_EQ(ages(model_)[1], static_cast<double>(sequence_));

  std::stringstream state;
  ASSERT_TRUE(model_.save(state));
  LinearModel loaded(options());
  ASSERT_TRUE(loaded.load(state));
  EXPECT_EQ(ages(loaded), ages(model_));
}

TEST(LinearModelAge, IsAtMostTheHalfLife) {
  LinearModel model({.dimension = 1, .half_life_decisions = 2000, .prior = {}, .traits = {}});
  model.add_arm("m0");
  const std::vector<std::string> names{"m0"};
  ObservationBuilder builder(std::vector<float>(1), names);
  std::vector<Score> score(1);
  ASSERT_TRUE(model.view().score(builder.at(50'000), false, score));
  EXPECT_EQ(score[0].age_decisions, 2000);
}

TEST_F(LinearModelChange, ADegradedModelIsKnownAsItIsAfterAFewHundredRows) {
  learn(model_, kRowsBefore, 0.7, 0.6);
  ASSERT_EQ(changes(model_), 0u);
  const double sure = scores(model_)[0].choice_sd;
  learn(model_, 400, 0.3, 0.6);
  EXPECT_EQ(changes(model_), 1u);
  EXPECT_NEAR(scores(model_)[0].quality, 0.3, 0.12);
  EXPECT_NEAR(scores(model_)[1].quality, 0.6, 0.05);
  EXPECT_GT(scores(model_)[0].choice_sd, 1.5 * sure);
}

TEST_F(LinearModelChange, WhatIsNoticedTellsTheModelTheValueAndTheShiftOnce) {
  learn(model_, kRowsBefore, 0.7, 0.6);
  learn(model_, 400, 0.3, 0.6);
  const auto noticed = model_.take_changes();
  ASSERT_EQ(noticed.size(), 1u);
  EXPECT_EQ(noticed[0].model, "m0");
  EXPECT_EQ(noticed[0].value, "quality");
  EXPECT_NEAR(noticed[0].shift, -0.4, 0.12);
  EXPECT_TRUE(model_.take_changes().empty());
}

TEST_F(LinearModelChange, AChangeOfCostIsToldInUsd) {
  for (int i = 0; i < 2000; ++i) {
    TrainingRow row = quality_row(++sequence_, random_features(), "m0", 0.5);
    row.outcomes[0].price_reference = 0.001;
    row.outcomes[0].cost_usd = (i < 1000 ? 0.002 : 0.006) * (0.9 + 0.2 * rng_.uniform());
    ASSERT_TRUE(model_.learn(row));
  }
  const auto noticed = model_.take_changes();
  ASSERT_FALSE(noticed.empty());
  EXPECT_EQ(noticed[0].value, "cost_usd");
  EXPECT_GT(noticed[0].shift, 0.001);
  EXPECT_LT(noticed[0].shift, 0.005);
}

TEST_F(LinearModelChange, AnImprovedModelIsNoticedToo) {
  learn(model_, kRowsBefore, 0.3, 0.6);
  learn(model_, 400, 0.8, 0.6);
  EXPECT_EQ(changes(model_), 1u);
  EXPECT_NEAR(scores(model_)[0].quality, 0.8, 0.12);
}

TEST_F(LinearModelChange, NothingIsNoticedWhereNothingChanges) {
  learn(model_, 20'000, 0.7, 0.2);
  EXPECT_EQ(changes(model_), 0u);
}

TEST_F(LinearModelChange, AStateSavedAmidAChangeNoticesItAtTheSameRow) {
  learn(model_, kRowsBefore, 0.7, 0.6);
  learn(model_, 40, 0.3, 0.6);
  std::stringstream state;
  ASSERT_TRUE(model_.save(state));
  LinearModel restored(options());
  ASSERT_TRUE(restored.load(state));
  const Rng rng = rng_;
  const std::uint64_t sequence = sequence_;
  learn(model_, 300, 0.3, 0.6);
  rng_ = rng;
  sequence_ = sequence;
  learn(restored, 300, 0.3, 0.6);
  EXPECT_EQ(changes(restored), 1u);
  EXPECT_EQ(scores(restored)[0].quality, scores(model_)[0].quality);
}

TEST_F(LinearModelChange, HistoryWithEveryOutcomeMayComeInAnyOrder) {
  for (int i = 0; i < 4000; ++i) {
    TrainingRow row = quality_row(++sequence_, random_features(), "m0", i < 2000 ? 1 : 0);
    row.outcomes.push_back(row.outcomes[0]);
    row.outcomes[1].model = "m1";
    ASSERT_TRUE(model_.learn(row));
  }
  EXPECT_EQ(changes(model_), 0u);
  EXPECT_NEAR(scores(model_)[0].quality, 0.5, 0.05);
}

}  // namespace
}  // namespace yardmaster::policies
