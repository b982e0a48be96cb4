#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/value.hpp>
#include <sstream>

#include "agent/drive/report.h"

namespace yardmaster::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr ObjectiveWeights kWeights{10, 0};

KnownOutcome outcome(double quality, double cost_usd) {
  KnownOutcome known;
  known.quality = quality;
  known.cost_usd = cost_usd;
  return known;
}

/// Rewards at kWeights: query 0: a .5, b .3; query 1: a .2, b .8.
Workload two_queries() {
  Workload workload;
  workload.models = {"a", "b"};
  workload.queries = {{"first", {outcome(0.5, 0), outcome(0.5, 0.02)}},
                      {"second", {outcome(0.2, 0), outcome(1.0, 0.02)}}};
  workload.order = {0, 1};
  return workload;
}

DriveTally everything_acknowledged() {
  DriveTally tally;
  tally.chosen = {0, 1};
  tally.decisions = tally.outcomes = tally.feedback = {2, 2};
  tally.decision_latencies_s = {0.001, 0.003};
  tally.wall_s = 2;
  tally.complete = true;
  return tally;
}

TEST(DriveReport, ComparesTheDaemonWithWhatCouldHaveBeenChosen) {
  const DriveReport report = summarise(two_queries(), everything_acknowledged(), kWeights);
  EXPECT_EQ(report.answered, 2u);
  EXPECT_NEAR(report.served.mean, (0.5 + 0.8) / 2, 1e-12);
  EXPECT_NEAR(report.oracle.mean, (0.5 + 0.8) / 2, 1e-12);
  EXPECT_EQ(report.best_fixed_model, "b");
  EXPECT_NEAR(report.best_fixed.mean, (0.3 + 0.8) / 2, 1e-12);
  EXPECT_NEAR(report.random.mean, (0.4 + 0.5) / 2, 1e-12);
  EXPECT_NEAR(report.mean_quality, 0.75, 1e-12);
  EXPECT_NEAR(report.mean_cost_usd, 0.01, 1e-12);
  EXPECT_NEAR(report.requests_per_s, 3, 1e-12);
  EXPECT_TRUE(report.lossless);
}

TEST(DriveReport, CountsOnlyTheQueriesThatWereAnswered) {
  DriveTally tally = everything_acknowledged();
  tally.chosen[1].reset();
  tally.errors = 1;
  const DriveReport report = summarise(two_queries(), tally, kWeights);
  EXPECT_EQ(report.answered, 1u);
  EXPECT_NEAR(report.served.mean, 0.5, 1e-12);
  EXPECT_EQ(report.best_fixed_model, "a");
  EXPECT_FALSE(report.lossless);
}

TEST(DriveReport, IsNotLosslessWhenFeedbackWasNotAcknowledged) {
  DriveTally tally = everything_acknowledged();
  tally.feedback.acknowledged = 1;
  EXPECT_FALSE(summarise(two_queries(), tally, kWeights).lossless);
}

TEST(DriveReport, LetsAFixedModelGiveWayWhereItHasNoOutcome) {
  Workload workload = two_queries();
  workload.queries[1].outcomes[0].reset();
  DriveTally tally = everything_acknowledged();
  const DriveReport report = summarise(workload, tally, kWeights);
  EXPECT_EQ(report.best_fixed_model, "a");  // .5, then b's .8
  EXPECT_NEAR(report.best_fixed.mean, 0.65, 1e-12);
  EXPECT_NEAR(report.random.mean, (0.4 + 0.8) / 2, 1e-12);
}

TEST(DriveReport, DrawsTheLearningCurveInBlocksOf500) {
  Workload workload = two_queries();
  workload.order.assign(600, 0);
  DriveTally tally;
  tally.chosen.assign(600, 1);
  for (std::size_t i = 500; i < 600; ++i) tally.chosen[i] = 0;
  const DriveReport report = summarise(workload, tally, kWeights);
  EXPECT_THAT(report.served.block_means,
              ElementsAre(testing::DoubleNear(0.3, 1e-9), testing::DoubleNear(0.5, 1e-9)));
}

TEST(DriveReport, SurvivesADriveWithoutAnyAnswer) {
  DriveTally tally;
  tally.chosen.resize(2);
  tally.errors = 2;
  const DriveReport report = summarise(two_queries(), tally, kWeights);
  EXPECT_EQ(report.answered, 0u);
  std::ostringstream text;
  print_report(text, report, tally, kWeights);
  EXPECT_THAT(text.str(), HasSubstr("2 errors"));
  EXPECT_EQ(report_json(report, tally, kWeights).at("lossless"), false);
}

}  // namespace
}  // namespace yardmaster::agent
