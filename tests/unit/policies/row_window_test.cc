#include "policies/row_window.h"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/unit/policies/observation_builder.h"

namespace yardmaster::policies {
namespace {

TrainingRow row_of(std::uint64_t sequence, double quality) {
  return quality_row(sequence, {1, 2}, "m0", quality);
}

TEST(RowWindow, KeepsTheNewestRowsEachOnce) {
  RowWindow window(3, 2);
  for (std::uint64_t i = 1; i <= 5; ++i) window.add(row_of(i, 0.1 * double(i)), {0});
  ASSERT_EQ(window.samples().size(), 3U);
  EXPECT_EQ(window.samples().front().sequence, 3U);
  EXPECT_EQ(window.samples().back().quality, 0.5);
}

TEST(RowWindow, ACorrectionChangesTheSampleOfItsDecision) {
  RowWindow window(3, 2);
  window.add(row_of(1, 0), {0});
  window.add(row_of(2, 0), {0});
  TrainingRow correction = row_of(3, 1);
  correction.decision_sequence = 1;
  correction.replaces = row_of(1, 0).outcomes[0];
  window.add(correction, {0});
  ASSERT_EQ(window.samples().size(), 2U);
  EXPECT_EQ(window.samples()[0].quality, 1);
  EXPECT_EQ(window.samples()[0].sequence, 1U);
}

TEST(RowWindow, OutcomesOfAllModelsCountAsDrawnUniformly) {
  RowWindow window(8, 2);
  TrainingRow row = row_of(1, 0.5);
  row.outcomes.push_back(row.outcomes[0]);
  row.outcomes[1].model = "m1";
  window.add(row, {0, 1});
  ASSERT_EQ(window.samples().size(), 2U);
  for (const WindowSample& sample : window.samples()) {
    EXPECT_EQ(sample.propensity, 0.5);
    EXPECT_EQ(sample.share, 0.5);
  }
}

TEST(RowWindow, PropensitiesThatCannotBeAreBroughtWithinBounds) {
  RowWindow window(8, 2);
  for (const double wrong : {0.0, -1.0, 7.0, std::numeric_limits<double>::quiet_NaN()}) {
    TrainingRow row = row_of(1, 0.5);
    row.outcomes[0].propensity = wrong;
    window.add(row, {0});
  }
  for (const WindowSample& sample : window.samples()) {
    EXPECT_GT(sample.propensity, 0);
    EXPECT_LE(sample.propensity, 1);
  }
}

TEST(RowWindow, ComesBackFromAnArchiveAsItWas) {
  RowWindow window(8, 2), restored(8, 2);
  window.add(row_of(1, 0.25), {1});
  TrainingRow costly = row_of(2, 1);
  costly.outcomes[0].cost_usd = 0;
  costly.outcomes[0].latency_s = 2.5;
  window.add(costly, {0});
  TensorArchive archive;
  window.put(archive);
  std::stringstream bytes;
  ASSERT_TRUE(archive.write(bytes));
  TensorArchive read;
  ASSERT_TRUE(read.read(bytes));
  ASSERT_TRUE(restored.take(read, 2));
  ASSERT_EQ(restored.samples().size(), 2U);
  EXPECT_FALSE(restored.samples()[0].cost_usd);
  EXPECT_EQ(restored.samples()[0].arm, 1U);
  EXPECT_EQ(restored.samples()[1].cost_usd, 0);
  EXPECT_EQ(restored.samples()[1].latency_s, 2.5);
  EXPECT_EQ(restored.samples()[1].features, (std::vector<float>{1, 2}));
  EXPECT_FALSE(restored.take(read, 1)) << "an arm that is not there";
}

}  // namespace
}  // namespace yardmaster::policies
