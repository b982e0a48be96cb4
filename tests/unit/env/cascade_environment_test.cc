#include "env/cascade_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace yardmaster::env {
namespace {

using testing::ElementsAre;

/// Two queries, three models; model 2 has no outcome for the second query.
class Cascade : public testing::Test {
 protected:
  CascadeEnvironment make(double judge_error, std::size_t tries = 2) {
    return {{3, 1, features_, quality_, cost_}, {tries, judge_error, 10}, 1};
  }

  std::vector<std::uint8_t> allowed(const CascadeEnvironment& environment) {
    std::vector<std::uint8_t> out(environment.actions());
    environment.allowed(out);
    return out;
  }

  std::vector<float> observed(const CascadeEnvironment& environment) {
    std::vector<float> out(environment.observation_size());
    environment.observe(out);
    return out;
  }

  std::vector<float> features_{0.5F, -0.5F};
  std::vector<double> quality_{0, 1, 1, 0.25, 0.75, -1};
  std::vector<double> cost_{0.01, 0.02, 0.05, 0.01, 0.02, 0};
};

TEST_F(Cascade, StoppingPaysTheBestDraftAndTerminates) {
  auto environment = make(0);
  environment.reset(0);
  EXPECT_THAT(allowed(environment), ElementsAre(1, 1, 1, 0));
  const auto first = environment.step(1);
  EXPECT_NEAR(first.reward, -0.2, 1e-12);
  EXPECT_FALSE(first.terminated || first.truncated);
  EXPECT_THAT(allowed(environment), ElementsAre(1, 0, 1, 1));
  const auto last = environment.step(environment.stop());
  EXPECT_EQ(last.reward, 1);
  EXPECT_TRUE(last.terminated);
  EXPECT_NEAR(environment.worth(), 0.8, 1e-12);
}

TEST_F(Cascade, TheLimitOfTriesTruncatesAndDeliversTheBestDraft) {
  auto environment = make(0);
  environment.reset(0);
  environment.step(1);
  const auto last = environment.step(0);
  EXPECT_TRUE(last.truncated);
  EXPECT_FALSE(last.terminated);
  EXPECT_NEAR(last.reward, -0.1, 1e-12);
  EXPECT_NEAR(environment.worth(), 1 - 0.3, 1e-12);
}

TEST_F(Cascade, AQueryWithoutModelsLeftIsTruncatedToo) {
  auto environment = make(0, 3);
  environment.reset(1);
  EXPECT_THAT(allowed(environment), ElementsAre(1, 1, 0, 0));
  environment.step(0);
  EXPECT_TRUE(environment.step(1).truncated);
}

TEST_F(Cascade, AnObservationHasFeaturesScoresWhatWasTriedTheBestAndTheTries) {
  auto environment = make(0);
  environment.reset(1);
  environment.step(1);
  EXPECT_THAT(observed(environment), ElementsAre(-0.5F, 0, 0.75F, 0, 0, 1, 0, 0.75F, 0.5F));
}

TEST_F(Cascade, TheJudgeErrsAsOftenAsSaid) {
  auto environment = make(0.2);
  int wrong = 0;
  for (int i = 0; i < 10000; ++i) {
    environment.reset(0);
    environment.step(1);
    wrong += observed(environment)[2] == 0 ? 1 : 0;
  }
  EXPECT_NEAR(wrong / 10000.0, 0.2, 0.015);
}

TEST_F(Cascade, OfDraftsThatScoreAlikeTheLatestIsDelivered) {
  auto environment = make(0, 3);
  environment.reset(0);
  environment.step(1);
  environment.step(2);
  EXPECT_EQ(environment.delivered_quality(), 1);
  auto misled = make(1, 3);  // always wrong: 0 scores 1, and both 1 score 0
  misled.reset(0);
  misled.step(1);
  misled.step(0);
  EXPECT_EQ(misled.delivered_quality(), 0);
}

}  // namespace
}  // namespace yardmaster::env
