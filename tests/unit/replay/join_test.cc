#include "replay/join.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/unit/replay/store_fixture.h"

namespace yardmaster::replay {
namespace {

JoinRules rules(std::optional<double> default_quality = std::nullopt) {
  return {quality_objective(), default_quality};
}

/// Model "a", chosen with .5, estimated at 2 milli-dollars.
Join example() {
  Decision decision;
  decision.candidates = {"a", "b"};
  decision.propensities = {0.5, 0.5};
  decision.estimated_cost_usd = 0.002;
  return start_join(3, decision, {});
}

StoredOutcome success(std::optional<double> cost_usd) {
  StoredOutcome out;
  out.outcome.cost_usd = cost_usd;
  out.outcome.latency_s = 1.5;
  return out;
}

StoredOutcome failure() {
  StoredOutcome out;
  out.outcome.status = Outcome::Status::error;
  return out;
}

Feedback quality(double value) {
  Feedback out;
  out.metric = "quality";
  out.value = value;
  return out;
}

TEST(Join, NothingIsDueBeforeTheWindowEnds) {
  Join join = example();
  EXPECT_EQ(advance(join, rules(), false).step, JoinStep::none);
  join.outcome = success(0.001);
  EXPECT_EQ(advance(join, rules(), false).step, JoinStep::none);
  EXPECT_FALSE(join.done);
}

TEST(Join, ACompleteJoinMakesItsFirstRowOnce) {
  Join join = example();
  join.outcome = success(0.001);
  join.feedback.push_back(quality(0.5));
  const JoinAdvance made = advance(join, rules(), false);
  EXPECT_EQ(made.step, JoinStep::first_row);
  EXPECT_TRUE(made.became_done);
  EXPECT_EQ(made.row->outcomes[0], (ArmOutcome{"a", 0.5, 0, 0.5, 0.001, 1.5}));
  EXPECT_EQ(advance(join, rules(), false).step, JoinStep::none);
  EXPECT_EQ(advance(join, rules(), true).step, JoinStep::none);
}

TEST(Join, ASuccessWithoutACostTakesTheEstimate) {
  Join join = example();
  join.outcome = success(std::nullopt);
  join.feedback.push_back(quality(0.5));
  EXPECT_EQ(advance(join, rules(), false).row->outcomes[0].cost_usd, 0.002);
}

TEST(Join, AFailureWithoutACostHasNone) {
  Join join = example();
  join.outcome = failure();
  const JoinAdvance made = advance(join, rules(), false);
  EXPECT_EQ(made.row->outcomes[0], (ArmOutcome{"a", 0.5, 0, 0.0, std::nullopt, std::nullopt}));
}

TEST(Join, AFailureStaysAtQualityZeroWhateverIsJudged) {
  Join join = example();
  join.outcome = failure();
  advance(join, rules(), false);
  join.feedback.push_back(quality(1));
  EXPECT_EQ(advance(join, rules(), false).step, JoinStep::none);
}

TEST(Join, OfARejectedQueryNothingIsLearned) {
  Join join = example();
  join.outcome = success(std::nullopt);
  join.outcome->outcome.status = Outcome::Status::rejected;
  EXPECT_EQ(advance(join, rules(0.5), false).step, JoinStep::done_empty);
  EXPECT_TRUE(join.done) << "nothing more is awaited";
  EXPECT_EQ(advance(join, rules(0.5), true).step, JoinStep::none);
  join.feedback.push_back(quality(1));
  EXPECT_EQ(advance(join, rules(0.5), true).step, JoinStep::none);
}

TEST(Join, WhatWasLearnedBeforeARejectionIsReportedStays) {
  Join join = example();
  EXPECT_EQ(advance(join, rules(0.5), true).step, JoinStep::first_row);
  join.outcome = failure();
  join.outcome->outcome.status = Outcome::Status::rejected;
  EXPECT_EQ(advance(join, rules(0.5), false).step, JoinStep::none);
}

TEST(Join, OfACancelledCallOnlyTheEstimatedCostIsLearnedAndAtOnce) {
  Join join = example();
  join.outcome = success(std::nullopt);
  join.outcome->outcome.status = Outcome::Status::cancelled;
  join.outcome->outcome.latency_s = 2;  // when it was given up
  join.feedback.push_back(quality(1));  // of the session, whose answer was another's
  const JoinAdvance made = advance(join, rules(0.5), false);
  EXPECT_EQ(made.row->outcomes[0], (ArmOutcome{"a", 0.5, 0, std::nullopt, 0.002, std::nullopt}));
  EXPECT_TRUE(made.became_done);
  EXPECT_EQ(advance(join, rules(0.5), true).step, JoinStep::none);
}

TEST(Join, ALateOutcomeCorrectsTheEstimate) {
  Join join = example();
  const JoinAdvance first = advance(join, rules(0.5), true);
  EXPECT_EQ(first.row->outcomes[0], (ArmOutcome{"a", 0.5, 0, 0.5, 0.002, std::nullopt}));
  join.outcome = success(0.007);
  const JoinAdvance second = advance(join, rules(0.5), false);
  EXPECT_EQ(second.step, JoinStep::correction);
  EXPECT_EQ(second.row->replaces, first.row->outcomes[0]);
  EXPECT_EQ(second.row->outcomes[0], (ArmOutcome{"a", 0.5, 0, 0.5, 0.007, 1.5}));
}

TEST(Join, WithNothingKnownItIsDoneWithoutARow) {
  Join join = example();
  join.estimated_cost_usd = 0;
  EXPECT_EQ(advance(join, rules(), true).step, JoinStep::done_empty);
  EXPECT_TRUE(join.done);
  EXPECT_EQ(advance(join, rules(), true).step, JoinStep::none);
}

RC_GTEST_PROP(Join, InAnyOrderOfEventsThereIsOneFirstRowAndEachCorrectionReplacesTheLast, ()) {
  const JoinRules any_rules = rules(*rc::gen::element<std::optional<double>>(std::nullopt, 0.5));
  Join join = example();
  join.estimated_cost_usd = *rc::gen::element(0.0, 0.002);
  std::optional<ArmOutcome> learned;
  int first_rows = 0;
  bool ended = false;
  for (const int event : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 4))) {
    if (event == 0 && !join.outcome) {
      join.outcome = *rc::gen::arbitrary<bool>() ? success(0.001) : failure();
    } else if (event == 1) {
      join.feedback.push_back(quality(*rc::gen::inRange(0, 5) / 4.0));
    } else if (event == 2) {
      ended = true;
    }
    const bool was_done = join.done;
    const JoinAdvance made = advance(join, any_rules, event == 2);
    RC_ASSERT(made.became_done == (!was_done && join.done));
    RC_ASSERT(join.done || !(ended || is_complete(join, any_rules)));
    if (!made.row) continue;
    RC_ASSERT(made.row->replaces == learned);
    first_rows += made.row->replaces ? 0 : 1;
    learned = made.row->outcomes[0];
  }
  RC_ASSERT(first_rows <= 1);
  if (join.done) {
    const ArmOutcome known = known_values(join, any_rules, true);
    RC_ASSERT(learned.value_or(join.arm) == known);
  }
}

}  // namespace
}  // namespace yardmaster::replay
