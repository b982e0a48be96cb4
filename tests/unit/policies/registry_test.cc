#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "policies/policy.h"

namespace yardmaster::policies {
namespace {

TEST(Registry, NamesAreSortedAndEachMakesALearner) {
  const auto names = policy_names();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_THAT(names, testing::IsSupersetOf(
                         {"epsilon_greedy", "fixed", "lints", "linucb", "random", "squarecb"}));
  PolicyOptions options;
  options.dimension = 3;
  for (const std::string& name : names) EXPECT_TRUE(make_learner(name, options)) << name;
  EXPECT_TRUE(make_learner("default", options));
  EXPECT_TRUE(make_learner("fixed:gpt-4o", options));
}

TEST(Registry, AnUnknownNameIsRefusedWithTheKnownOnes) {
  const auto made = make_learner("lintz", {});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(made.error().message, testing::HasSubstr("lintz"));
  for (const std::string& name : policy_names()) {
    EXPECT_THAT(made.error().message, testing::HasSubstr(name));
  }
  EXPECT_FALSE(make_learner("fixed:", {}));
}

TEST(Registry, AFixedModelThatTheOptionsLackIsRefusedWithTheKnownOnes) {
  PolicyOptions options;
  options.dimension = 3;
  options.models = {"small", "large"};
  EXPECT_TRUE(make_learner("fixed:large", options));
  const auto made = make_learner("fixed:huge", options);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(made.error().message, testing::HasSubstr("huge"));
  EXPECT_THAT(made.error().message, testing::HasSubstr("small, large"));
}

TEST(Registry, OptionsOutOfRangeAreRefused) {
  PolicyOptions options;
  options.exploration_floor = 1.5;
  EXPECT_FALSE(make_learner("lints", options));
  options.exploration_floor = 0.001;
  options.half_life_decisions = -1;
  EXPECT_FALSE(make_learner("lints", options));
  options.half_life_decisions = NAN;
  EXPECT_FALSE(make_learner("lints", options));
  options.half_life_decisions = 0;
  options.device = "gpu7";
  EXPECT_FALSE(make_learner("lints", options));
}

}  // namespace
}  // namespace yardmaster::policies
