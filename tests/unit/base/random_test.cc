#include "base/random.h"

#include <gtest/gtest.h>

namespace yardmaster {
namespace {

TEST(Rng, SameSeedAndKeyGiveTheSameNumbersAndAnotherKeyOthers) {
  Rng a(1, 2), b(1, 2), c(1, 3);
  const auto first = a();
  EXPECT_EQ(first, b());
  EXPECT_NE(first, c());
}

TEST(Rng, UniformAndNormalHaveTheirMoments) {
  Rng rng(42);
  constexpr int kDraws = 200'000;
  double uniform_sum = 0, normal_sum = 0, normal_squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = rng.uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    uniform_sum += u;
    const double z = rng.normal();
    normal_sum += z;
    normal_squares += z * z;
  }
  EXPECT_NEAR(uniform_sum / kDraws, 0.5, 0.005);
  EXPECT_NEAR(normal_sum / kDraws, 0, 0.01);
  EXPECT_NEAR(normal_squares / kDraws, 1, 0.02);
}

TEST(Rng, BelowReachesEveryValueAndNoOther) {
  Rng rng(3);
  int seen[5] = {};
  for (int i = 0; i < 1000; ++i) ++seen[rng.below(5)];
  for (const int count : seen) EXPECT_GT(count, 120);
}

}  // namespace
}  // namespace yardmaster
