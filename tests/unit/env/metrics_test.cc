#include "env/metrics.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

namespace yardmaster::env {
namespace {

MetricSpec metric(std::string name) {
  MetricSpec spec;
  spec.name = std::move(name);
  return spec;
}

Feedback value(std::string name, double number, std::string judge = "") {
  Feedback feedback;
  feedback.metric = std::move(name);
  feedback.value = number;
  feedback.judge = std::move(judge);
  return feedback;
}

QualityObjective objective_of(const MetricSpec& spec) {
  return *QualityObjective::make({spec}, {});
}

TEST(QualityObjective, WithoutPartsTheFirstMetricAloneCounts) {
  const auto objective = *QualityObjective::make({metric("quality"), metric("tone")}, {});
  const std::vector<Feedback> feedback = {value("tone", 0.1), value("quality", 0.8)};
  EXPECT_EQ(objective.quality(feedback), 0.8);
}

TEST(QualityObjective, PartsAreWeighedAndAllMustBeThere) {
  const auto objective = *QualityObjective::make({metric("a"), metric("b")}, {{"a", 3}, {"b", 1}});
  std::vector<Feedback> feedback = {value("a", 1)};
  EXPECT_EQ(objective.quality(feedback), std::nullopt);
  feedback.push_back(value("b", 0));
  EXPECT_EQ(objective.quality(feedback), 0.75);
}

TEST(QualityObjective, APartOfNoWeightIsNotWaitedFor) {
  const auto objective = *QualityObjective::make({metric("a"), metric("b")}, {{"a", 1}, {"b", 0}});
  EXPECT_EQ(objective.quality(std::vector<Feedback>{value("a", 0.5)}), 0.5);
}

TEST(QualityObjective, AValueIsScaledByTheMetricsRange) {
  MetricSpec stars = metric("stars");
  stars.min = 1;
  stars.max = 5;
  EXPECT_EQ(objective_of(stars).quality(std::vector<Feedback>{value("stars", 2)}), 0.25);
}

TEST(QualityObjective, WhereLessIsBetterTheValueIsTurnedRound) {
  MetricSpec edits = metric("edits");
  edits.max = 10;
  edits.optimize = MetricSpec::Optimize::min;
  EXPECT_EQ(objective_of(edits).quality(std::vector<Feedback>{value("edits", 0)}), 1);
  EXPECT_EQ(objective_of(edits).quality(std::vector<Feedback>{value("edits", 10)}), 0);
}

class SeveralJudges : public testing::Test {
 protected:
  std::optional<double> quality(MetricSpec::Judges judges) {
    MetricSpec spec = metric("quality");
    spec.judges = judges;
    return objective_of(spec).quality(feedback_);
  }

  /// Ann corrects herself after Bob has spoken.
  std::vector<Feedback> feedback_ = {value("quality", 0.25, "ann"), value("quality", 0.5, "bob"),
                                     value("quality", 0.75, "ann")};
};

TEST_F(SeveralJudges, EarliestIsTheJudgeThatSpokeFirstByTheirLastWord) {
  EXPECT_EQ(quality(MetricSpec::Judges::earliest), 0.75);
}

TEST_F(SeveralJudges, LatestIsTheLastWord) {
  EXPECT_EQ(quality(MetricSpec::Judges::latest), 0.75);
  feedback_.push_back(value("quality", 0.125, "bob"));
  EXPECT_EQ(quality(MetricSpec::Judges::latest), 0.125);
}

TEST_F(SeveralJudges, MeanIsOverTheLastWordOfEach) {
  EXPECT_EQ(quality(MetricSpec::Judges::mean), 0.625);
}

TEST(QualityObjective, AnUndeclaredMetricIsNotFoundAndTheMessageNamesTheDeclared) {
  const Status checked = objective_of(metric("quality")).check("speed", 0.5);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::not_found);
  EXPECT_NE(checked.error().message.find("quality"), std::string::npos);
}

TEST(QualityObjective, ValuesOutsideTheRangeOrNotFiniteAreOutOfRange) {
  const auto objective = objective_of(metric("quality"));
  EXPECT_TRUE(objective.check("quality", 0));
  EXPECT_TRUE(objective.check("quality", 1));
  for (const double bad : {-0.1, 1.1, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(objective.check("quality", bad).error().code, ErrorCode::out_of_range) << bad;
  }
}

TEST(QualityObjective, ABooleanIsOneOfItsTwoValues) {
  MetricSpec solved = metric("solved");
  solved.type = MetricSpec::Type::boolean;
  EXPECT_TRUE(objective_of(solved).check("solved", 1));
  EXPECT_EQ(objective_of(solved).check("solved", 0.5).error().code, ErrorCode::out_of_range);
}

TEST(QualityObjective, ADeclarationThatMakesNoSenseIsRefused) {
  MetricSpec empty = metric("quality");
  empty.max = empty.min;
  EXPECT_FALSE(QualityObjective::make({}, {}));
  EXPECT_FALSE(QualityObjective::make({empty}, {}));
  MetricSpec endless = metric("quality");
  endless.min = -1e308;
  endless.max = 1e308;  // no value could be scaled by such a range
  EXPECT_FALSE(QualityObjective::make({endless}, {}));
  EXPECT_FALSE(QualityObjective::make({metric("a")}, {{"b", 1}}));
  EXPECT_FALSE(QualityObjective::make({metric("a")}, {{"a", -1}}));
  EXPECT_FALSE(QualityObjective::make({metric("a")}, {{"a", 0}}));
}

RC_GTEST_PROP(QualityObjective, QualityOfCheckedValuesIsBetweenZeroAndOne, ()) {
  MetricSpec spec = metric("m");
  spec.min = *rc::gen::inRange(-1000, 1000) / 10.0;
  spec.max = spec.min + *rc::gen::inRange(1, 1000) / 10.0;
  spec.optimize = *rc::gen::element(MetricSpec::Optimize::max, MetricSpec::Optimize::min);
  spec.judges = *rc::gen::element(MetricSpec::Judges::earliest, MetricSpec::Judges::latest,
                                  MetricSpec::Judges::mean);
  const QualityObjective objective = objective_of(spec);
  std::vector<Feedback> feedback;
  const int count = *rc::gen::inRange(1, 6);
  for (int i = 0; i < count; ++i) {
    const double part = *rc::gen::inRange(0, 1001) / 1000.0;
    const double number = std::min(spec.max, spec.min + part * (spec.max - spec.min));
    RC_ASSERT(objective.check("m", number).has_value());
    feedback.push_back(value("m", number, *rc::gen::element<std::string>("ann", "bob", "cy")));
  }
  const auto quality = objective.quality(feedback);
  RC_ASSERT(quality.has_value());
  RC_ASSERT(*quality >= -1e-12 && *quality <= 1 + 1e-12);
}

}  // namespace
}  // namespace yardmaster::env
