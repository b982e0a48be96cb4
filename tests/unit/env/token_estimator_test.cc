#include "env/token_estimator.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <thread>
#include <vector>

namespace yardmaster::env {
namespace {

ModelPool pool_of(std::vector<std::string> names) {
  std::vector<ModelSpec> models;
  for (std::string& name : names) models.emplace_back().name = std::move(name);
  return ModelPool::make(std::move(models)).value();
}

Query query_of(std::uint64_t bytes) {
  Query query;
  query.prompt_bytes = bytes;
  return query;
}

TEST(TokenEstimator, StartsAtFourBytesATokenAndTheTemplatesOwn) {
  const TokenEstimator tokens(pool_of({"a", "b"}));
  EXPECT_NEAR(tokens.estimate(query_of(4000)), 1007, 1e-6);
  EXPECT_NEAR(tokens.estimate("a", query_of(4000)), 1007, 1e-6);
}

TEST(TokenEstimator, LearnsEachModelsOwnBytesPerToken) {
  TokenEstimator tokens(pool_of({"a", "b"}));
  for (int i = 0; i < 500; ++i) tokens.observe("a", 2000, 1000);
  EXPECT_NEAR(tokens.estimate("a", query_of(6000)), 3007, 10);
  EXPECT_NEAR(tokens.estimate("b", query_of(6000)), 1507, 1e-6);
  EXPECT_NEAR(tokens.estimate(query_of(6000)), 2257, 10);
}

TEST(TokenEstimator, BoundsFromAboveAndTightensAsUsageAgrees) {
  TokenEstimator tokens(pool_of({"a"}));
  const Query query = query_of(8000);
  const double first = tokens.upper_bound(query);
  EXPECT_GT(first, 1.5 * tokens.estimate(query));
  for (int i = 0; i < 500; ++i) tokens.observe("a", 4000, 1000);
  EXPECT_LT(tokens.upper_bound(query), 1.1 * tokens.estimate(query));
  EXPECT_GE(tokens.upper_bound(query), tokens.estimate(query));
}

TEST(TokenEstimator, TakesTheModelThatNeedsMostForTheBound) {
  TokenEstimator tokens(pool_of({"a", "b"}));
  for (int i = 0; i < 500; ++i) {
    tokens.observe("a", 4000, 1000);
    tokens.observe("b", 4000, 2000);
  }
  EXPECT_GE(tokens.upper_bound(query_of(4000)), 2000);
}

TEST(TokenEstimator, LearnsLittleFromShortPrompts) {
  TokenEstimator tokens(pool_of({"a"}));
  for (int i = 0; i < 20; ++i) tokens.observe("a", 2, 9);
  EXPECT_NEAR(tokens.estimate(query_of(4000)), 1007, 10);
}

TEST(TokenEstimator, IgnoresModelsItDoesNotKnowAndEmptyReports) {
  TokenEstimator tokens(pool_of({"a"}));
  tokens.observe("stranger", 1000, 1);
  tokens.observe("a", 0, 5);
  tokens.observe("a", 5, 0);
  EXPECT_NEAR(tokens.estimate("stranger", query_of(4000)), 1007, 1e-6);
}

TEST(TokenEstimator, KeepsEstimateBelowBoundWhateverIsReported) {
  EXPECT_TRUE(rc::check([](const std::vector<std::pair<std::uint32_t, std::uint32_t>>& reports) {
    TokenEstimator tokens(pool_of({"a"}));
    for (const auto& [bytes, input_tokens] : reports) tokens.observe("a", bytes, input_tokens);
    const Query query = query_of(1000);
    RC_ASSERT(tokens.estimate(query) > 0);
    RC_ASSERT(tokens.upper_bound(query) >= tokens.estimate(query));
    RC_ASSERT(tokens.upper_bound(query) <= 1007);
  }));
}

TEST(TokenEstimator, LosesNoReportBetweenThreads) {
  TokenEstimator together(pool_of({"a"}));
  TokenEstimator alone(pool_of({"a"}));
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 50; ++j) together.observe("a", 2000, 1000);
      });
    }
  }
  for (int j = 0; j < 100; ++j) alone.observe("a", 2000, 1000);
  EXPECT_EQ(together.estimate(query_of(1000)), alone.estimate(query_of(1000)));
}

}  // namespace
}  // namespace yardmaster::env
