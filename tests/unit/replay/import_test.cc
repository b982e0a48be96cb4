#include <gtest/gtest.h>

#include "replay/decision_log.h"
#include "replay/verify.h"
#include "tests/unit/replay/store_fixture.h"

namespace yardmaster::replay {
namespace {

using namespace std::chrono_literals;

class ImportTest : public StoreTest {
 protected:
  DecisionRecord record() {
    DecisionRecord out;
    out.decision = decision("talk");
    out.outcome = outcome();
    out.response_id = "resp";
    out.feedback = {feedback(0.25), feedback(0.75)};
    out.feedback[1].idempotency_key = "k";
    return out;
  }
};

TEST_F(ImportTest, ACompleteRecordMakesOneRowWithItsLastValues) {
  open();
  ASSERT_TRUE(import(record()));
  ASSERT_EQ(rows().size(), 1u);
  EXPECT_EQ(rows()[0].outcomes[0], (ArmOutcome{"a", 0.75, 0.004, 0.75, 0.001, 0.5}));
}

TEST_F(ImportTest, ARecordThatIsThereAlreadyIsSkipped) {
  open();
  const DecisionRecord once = record();
  ASSERT_TRUE(import(once));
  ASSERT_TRUE(import(once));
  EXPECT_EQ(store_->stats().decisions, 1u);
  EXPECT_EQ(store_->stats().feedback, 2u);
  EXPECT_EQ(rows().size(), 1u);
}

TEST_F(ImportTest, ARecordWhoseWindowHasPassedIsLearnedAtOnceAndAYoungOneWaits) {
  open();
  DecisionRecord old = record();
  old.feedback.clear();
  DecisionRecord young = old;
  clock_.advance(1h);
  young.decision.id = decision().id;
  young.decision.time = clock_.now();
  ASSERT_TRUE(import(old));
  ASSERT_TRUE(import(young));
  EXPECT_EQ(rows().size(), 1u);
  EXPECT_EQ(store_->stats().waiting, 1u);
}

TEST_F(ImportTest, NamesAndIdempotencyKeysWorkAsBeforeTheExport) {
  open();
  const DecisionRecord once = record();
  ASSERT_TRUE(import(once));
  FeedbackItem repeated = on(once.decision.id, once.feedback[1]);
  EXPECT_EQ(send(repeated).state, FeedbackResult::State::duplicate);
  EXPECT_EQ(send(about(FeedbackTarget::Kind::response, "resp", feedback(1))).state,
            FeedbackResult::State::stored);
  EXPECT_EQ(send(about(FeedbackTarget::Kind::session, "talk", feedback(1))).state,
            FeedbackResult::State::stored);
}

TEST_F(ImportTest, ADecisionOfADayToComeIsRefusedAndAClockMayBeAhead) {
  open();
  DecisionRecord ahead = record();
  ahead.decision.time = clock_.now() + 24h;
  EXPECT_TRUE(import(ahead));
  DecisionRecord later = record();
  later.decision.time = clock_.now() + 24h + 1us;
  const Status refused = import(later);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(refused.error().message.find("; correct its time"), std::string::npos);
  EXPECT_EQ(store_->stats().decisions, 1u);
}

TEST_F(ImportTest, AValueOutsideTheMetricsRangeIsRefused) {
  open();
  DecisionRecord bad = record();
  bad.feedback[0].value = 7;
  EXPECT_EQ(import(bad).error().code, ErrorCode::out_of_range);
  EXPECT_EQ(store_->stats().decisions, 0u);
}

TEST_F(ImportTest, WhatWasExportedImportsIntoAnEqualLog) {
  open();
  for (int i = 0; i < 20; ++i) {
    DecisionRecord each = record();
    each.decision.features.values = {static_cast<float>(rng_.normal()), 0.1F};
    const double first = rng_.uniform();
    each.decision.propensities = {first, 1 - first};
    each.outcome->cost_usd = rng_.uniform() / 1000;
    if (i % 3 == 0) each.feedback.clear();
    ASSERT_TRUE(import(each));
  }
  std::vector<std::string> lines;
  const auto collect = [&](const DecisionRecord& each) {
    lines.push_back(to_json_line(each));
    return true;
  };
  ASSERT_TRUE(store_->for_each_decision(1, collect));
  const auto rows_before = rows();

  options_.directory = directory_.path() / "copy";
  open();
  for (const std::string& line : lines) {
    auto read = from_json_line(line);
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_TRUE(import(std::move(*read)));
  }
  const std::vector<std::string> before = std::exchange(lines, {});
  ASSERT_TRUE(store_->for_each_decision(1, collect));
  EXPECT_EQ(lines, before);
  EXPECT_EQ(rows(), rows_before);
  EXPECT_TRUE(verify(options_.directory));
}

TEST_F(ImportTest, AVisitStartsWhereAskedAndStopsWhenTold) {
  open();
  for (int i = 0; i < 10; ++i) {
    DecisionRecord each = record();
    ASSERT_TRUE(import(each));
  }
  std::vector<std::uint64_t> seen;
  ASSERT_TRUE(store_->for_each_decision(4, [&](const DecisionRecord& each) {
    EXPECT_EQ(each.feedback.size(), 2u);
    seen.push_back(each.sequence);
    return seen.size() < 3;
  }));
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{4, 5, 6}));
}

}  // namespace
}  // namespace yardmaster::replay
