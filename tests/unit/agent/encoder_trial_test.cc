#include "agent/encoder_trial.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace yardmaster::agent {
namespace {

/// Chooses "a" with a given probability, whatever it sees; expects .5 of every model.
class Biased final : public policies::Policy {
 public:
  explicit Biased(double probability) : probability_(probability) {}

  Status distribution(const env::Observation&, std::span<double> probabilities,
                      std::span<policies::Score> scores) const override {
    probabilities[0] = probability_;
    probabilities[1] = 1 - probability_;
    for (policies::Score& score : scores) score.reward = 0.5;
    return {};
  }

 private:
  double probability_;
};

env::ModelPool pool() {
  std::vector<env::ModelSpec> models(2);
  models[0].name = "a";
  models[1].name = "b";
  return std::move(env::ModelPool::make(models).value());
}

/// Rows logged by `serving`, in which "a" is worth .8 and "b" .4 on the mean.
void play(EncoderTrial& trial, int rows, double serving, double successor) {
  static const env::ModelPool models = pool();
  Rng rng(9);
  for (int i = 0; i < rows; ++i) {
    Decision decision;
    decision.candidates = {"a", "b"};
    decision.propensities = {serving, 1 - serving};
    decision.chosen = rng.uniform() < serving ? 0 : 1;
    TrainingRow row;
    row.weights = {0, 0};
    ArmOutcome& outcome = row.outcomes.emplace_back();
    outcome.model = decision.model();
    outcome.quality = rng.uniform() < (decision.chosen == 0 ? 0.8 : 0.4) ? 1 : 0;
    trial.compare(row, {}, decision, models, Biased(serving), Biased(successor));
  }
}

TEST(EncoderTrial, TheDifferenceIsThatOfTheRewardsThatThePoliciesWouldHaveHad) {
  EncoderTrial trial(20'000);
  play(trial, 20'000, 0.5, 0.9);
  EXPECT_NEAR(trial.figures().difference, 0.4 * (0.8 - 0.4), 0.02);
  EXPECT_TRUE(trial.passed());
}

TEST(EncoderTrial, AWorsePolicyDoesNotPass) {
  EncoderTrial trial(1000);
  play(trial, 2000, 0.9, 0.5);
  EXPECT_NEAR(trial.figures().difference, -0.4 * (0.8 - 0.4), 0.1);
  EXPECT_FALSE(trial.passed());
}

TEST(EncoderTrial, EqualPoliciesDifferByNothingAndPassOnceTheWindowIsFull) {
  EncoderTrial trial(100);
  play(trial, 99, 0.7, 0.7);
  EXPECT_FALSE(trial.passed());
  play(trial, 1, 0.7, 0.7);
  EXPECT_EQ(trial.figures().difference, 0);
  EXPECT_EQ(trial.figures().lower_bound, 0);
  EXPECT_TRUE(trial.passed());
}

TEST(EncoderTrial, OnlyTheWindowCounts) {
  EncoderTrial trial(500);
  play(trial, 3000, 0.9, 0.1);
  EXPECT_FALSE(trial.passed());
  play(trial, 500, 0.9, 0.9);
  EXPECT_EQ(trial.figures().rows, 500u);
  EXPECT_TRUE(trial.passed()) << "it has caught up";
}

TEST(EncoderTrial, TooFewRowsToTellDoNotPassForNoWorse) {
  EncoderTrial trial(30);
  play(trial, 30, 0.5, 0.52);
  EXPECT_GT(trial.figures().difference, trial.figures().lower_bound);
  EncoderTrial noisy(30);
  play(noisy, 30, 0.5, 0.95);
  EXPECT_LT(noisy.figures().lower_bound, noisy.figures().difference - 0.1);
}

TEST(EncoderTrial, RowsWithoutAQualityCorrectionsAndHistoryDoNotCount) {
  EncoderTrial trial(10);
  Decision decision;
  decision.candidates = {"a", "b"};
  decision.propensities = {0.5, 0.5};
  TrainingRow row;
  row.outcomes.resize(1);
  trial.compare(row, {}, decision, pool(), Biased(0.5), Biased(0.9));
  row.outcomes[0].quality = 1;
  row.replaces = row.outcomes[0];
  trial.compare(row, {}, decision, pool(), Biased(0.5), Biased(0.9));
  row.replaces.reset();
  row.outcomes.resize(2);
  trial.compare(row, {}, decision, pool(), Biased(0.5), Biased(0.9));
  EXPECT_EQ(trial.figures().rows, 0u);
}

TEST(EncoderTrial, ARestoredTrialGoesOnWhereItStood) {
  EncoderTrial trial(400), again(400);
  play(trial, 300, 0.6, 0.8);
  again.restore(trial.differences());
  EXPECT_EQ(again.figures().difference, trial.figures().difference);
  EXPECT_EQ(again.figures().rows, 300u);
}

TEST(EncoderTrial, WithoutAWindowThereIsNoTrial) { EXPECT_TRUE(EncoderTrial(0).passed()); }

}  // namespace
}  // namespace yardmaster::agent
