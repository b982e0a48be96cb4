#include "policies/change_detector.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.h"

namespace yardmaster::policies {
namespace {

/// Errors of that deviation until the alarm, at most `limit`.
int errors_until_alarm(ChangeDetector& detector, double mean, double deviation, int limit,
                       std::uint64_t seed) {
  Rng rng(seed);
  for (int i = 1; i <= limit; ++i) {
    if (detector.add(mean + deviation * rng.normal(), 1)) return i;
  }
  return limit + 1;
}

TEST(ChangeDetector, FindsAShiftOfEitherSignAndItsSize) {
  for (const double shift : {0.8, -0.8}) {
    ChangeDetector detector;
    EXPECT_GT(errors_until_alarm(detector, 0, 1, 2000, 1), 2000);
    EXPECT_LT(errors_until_alarm(detector, shift, 1, 2000, 2), 150);  // 40 / (.8 - .2) = 67
    EXPECT_NEAR(detector.shift(), shift, 0.3);
  }
}

TEST(ChangeDetector, GivesNoAlarmWithoutAChange) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    ChangeDetector detector;
    EXPECT_GT(errors_until_alarm(detector, 0, 1, 100'000, seed), 100'000) << "seed " << seed;
  }
}

TEST(ChangeDetector, TakesNoisierErrorsThanExpectedForNoise) {
  ChangeDetector detector;
  EXPECT_GT(errors_until_alarm(detector, 0, 3, 100'000, 3), 100'000);
}

TEST(ChangeDetector, PassesOverOneOutlierAndWhatIsNotFinite) {
  ChangeDetector detector;
  EXPECT_FALSE(detector.add(1e12, 1));
  EXPECT_FALSE(detector.add(std::nan(""), 1));
  EXPECT_FALSE(detector.add(1, 0));
  EXPECT_FALSE(detector.add(std::numeric_limits<double>::infinity(), 1));
  EXPECT_GT(errors_until_alarm(detector, 0, 1, 10'000, 4), 10'000);
}

TEST(ChangeDetector, ContinuesFromItsState) {
  ChangeDetector original, restored;
  errors_until_alarm(original, 0.7, 1, 30, 5);
  restored.restore(original.state());
  EXPECT_EQ(errors_until_alarm(original, 0.7, 1, 1000, 6),
            errors_until_alarm(restored, 0.7, 1, 1000, 6));
}

TEST(ChangeDetector, StartsAnewAfterReset) {
  ChangeDetector detector;
  const int first = errors_until_alarm(detector, 0.8, 1, 1000, 7);
  detector.reset();
  EXPECT_GT(errors_until_alarm(detector, 0.8, 1, 1000, 7), first / 2);
}

}  // namespace
}  // namespace yardmaster::policies
