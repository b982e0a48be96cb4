#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tests/unit/replay/store_fixture.h"

namespace yardmaster::replay {
namespace {

class SamplingTest : public StoreTest {
 protected:
  void fill(std::size_t count) {
    TrainingRow row;
    row.outcomes = {{"a", 1, 0, 0.5, std::nullopt, std::nullopt}};
    ASSERT_TRUE(append_rows(std::vector<TrainingRow>(count, row)));
  }

  /// Draws often and holds each row's frequency against the probability that came with it.
  void expect_frequencies_match(double half_life, std::size_t count_of_rows) {
    constexpr std::size_t kDraws = 40'000;
    Rng rng(7);
    const auto drawn = store_->sample(kDraws, half_life, rng);
    ASSERT_TRUE(drawn) << drawn.error().message;
    ASSERT_EQ(drawn->size(), kDraws);
    std::map<std::uint64_t, std::pair<std::size_t, double>> seen;
    for (const SampledRow& each : *drawn) {
      auto& [times, probability] = seen[each.row.sequence];
      ++times;
      probability = each.probability;
    }
    double total = 0;
    for (const auto& [sequence, counted] : seen) {
      const auto& [times, probability] = counted;
      total += probability;
      const double expected = probability * kDraws;
      EXPECT_NEAR(static_cast<double>(times), expected, 5 * std::sqrt(expected) + 1)
          << "row " << sequence;
    }
    EXPECT_LE(total, 1 + 1e-12);
    if (seen.size() == count_of_rows) {
      EXPECT_NEAR(total, 1, 1e-12);
    }
  }
};

TEST_F(SamplingTest, UniformDrawsHaveTheProbabilityOfTheirFrequency) {
  open();
  fill(20);
  expect_frequencies_match(0, 20);
}

TEST_F(SamplingTest, RecentDrawsHaveTheProbabilityOfTheirFrequency) {
  open();
  fill(20);
  expect_frequencies_match(4, 20);
  expect_frequencies_match(0.5, 20);
  expect_frequencies_match(1e6, 20);
}

TEST_F(SamplingTest, ARowAHalfLifeOlderIsHalfAsLikely) {
  open();
  fill(9);
  Rng rng(3);
  const auto drawn = store_->sample(5'000, 4, rng);
  ASSERT_TRUE(drawn);
  std::map<std::uint64_t, double> probability;
  for (const SampledRow& each : *drawn) probability[each.row.sequence] = each.probability;
  EXPECT_NEAR(probability.at(9) / probability.at(5), 2, 1e-12);
  EXPECT_NEAR(probability.at(5) / probability.at(1), 2, 1e-12);
}

TEST_F(SamplingTest, AnEmptyBufferGivesNoRows) {
  open();
  Rng rng(1);
  EXPECT_TRUE(store_->sample(10, 0, rng)->empty());
}

TEST_F(SamplingTest, AHalfLifeThatIsNoneIsRefused) {
  open();
  Rng rng(1);
  EXPECT_EQ(store_->sample(1, -1, rng).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(store_->sample(1, std::nan(""), rng).error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace yardmaster::replay
