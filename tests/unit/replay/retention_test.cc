#include <gtest/gtest.h>

#include "replay/verify.h"
#include "tests/unit/replay/store_fixture.h"

namespace yardmaster::replay {
namespace {

using namespace std::chrono_literals;

class RetentionTest : public StoreTest {
 protected:
  /// Decided, reported and judged, with every kind of name.
  DecisionId complete() {
    const DecisionId id = decide("talk");
    EXPECT_TRUE(report(id, outcome(), "r-" + id.str()));
    FeedbackItem item = on(id, feedback(0.5));
    item.feedback.idempotency_key = "k-" + id.str();
    EXPECT_EQ(send(item).state, FeedbackResult::State::stored);
    return id;
  }

  void expect_verified() {
    const Status verified = verify(options_.directory);
    EXPECT_TRUE(verified) << verified.error().message;
  }
};

TEST_F(RetentionTest, RecordsAndTheirNamesGoWhenTheyAreTooOld) {
  options_.max_age = 24h;
  open();
  const DecisionId old = complete();
  clock_.advance(24h);
  const DecisionId young = complete();
  store_->keep_rows_after(2);
  clock_.advance(1us);
  tick();

  EXPECT_EQ(store_->find(old).error().code, ErrorCode::not_found);
  EXPECT_TRUE(store_->find(young));
  EXPECT_EQ(store_->stats().first_decision, 2u);
  EXPECT_EQ(store_->stats().first_row, 2u);
  EXPECT_EQ(rows().size(), 1u);
  const auto by_response =
      send(about(FeedbackTarget::Kind::response, "r-" + old.str(), feedback(1)));
  EXPECT_EQ(by_response.error->code, ErrorCode::not_found);
  EXPECT_EQ(send(about(FeedbackTarget::Kind::session, "talk", feedback(1))).state,
            FeedbackResult::State::stored);
  EXPECT_EQ(store_->find(young)->feedback.size(), 2u);
  expect_verified();
}

TEST_F(RetentionTest, AnIdempotencyKeyIsFreeAgainWhenItsDecisionIsGone) {
  options_.max_age = 24h;
  open();
  const DecisionId old = complete();
  clock_.advance(25h);
  tick();
  FeedbackItem item = on(decide(), feedback(1));
  item.feedback.idempotency_key = "k-" + old.str();
  EXPECT_EQ(send(item).state, FeedbackResult::State::stored);
}

TEST_F(RetentionTest, RowsThatASnapshotHasNotLearnedStay) {
  options_.max_age = 24h;
  open();
  for (int i = 0; i < 10; ++i) complete();
  store_->keep_rows_after(6);
  clock_.advance(25h);
  tick();
  EXPECT_EQ(store_->stats().first_decision, 11u);
  ASSERT_EQ(rows().size(), 4u);
  EXPECT_EQ(rows()[0].sequence, 7u);
  Rng rng(1);
  const auto drawn = store_->sample(100, 0, rng);
  ASSERT_TRUE(drawn);
  for (const SampledRow& each : *drawn) {
    EXPECT_GE(each.row.sequence, 7u);
    EXPECT_EQ(each.probability, 0.25);
  }
  expect_verified();
}

TEST_F(RetentionTest, SequencesGoOnAfterAllWasRemovedAndTheStoreReopened) {
  options_.max_age = 24h;
  open();
  for (int i = 0; i < 3; ++i) complete();
  store_->keep_rows_after(3);
  clock_.advance(25h);
  tick();
  open();
  const DecisionId id = complete();
  EXPECT_EQ(store_->find(id)->sequence, 4u);
  ASSERT_EQ(rows().size(), 1u);
  EXPECT_EQ(rows()[0].sequence, 4u);
  expect_verified();
}

TEST_F(RetentionTest, ADecisionWhoseWindowHasNotEndedStays) {
  options_.reward_window = 48h;
  options_.max_age = 24h;
  open();
  decide();
  clock_.advance(25h);
  tick();
  EXPECT_EQ(store_->stats().first_decision, 1u);
  EXPECT_EQ(store_->stats().waiting, 1u);
}

TEST_F(RetentionTest, TheOldestGoFirstWhereTheStoreIsTooLarge) {
  options_.max_bytes = 600'000;
  open();
  std::vector<std::promise<void>> stored(3000);
  for (auto& each : stored) {
    Decision made = decision();
    made.query = "";
    while (made.query->size() < 500) *made.query += std::to_string(rng_.below(1'000'000'000));
    Outcome failed;
    failed.status = Outcome::Status::error;
    const DecisionId id = made.id;
    store_->append_decision(std::move(made), [](Status) {});
    store_->append_outcome(id, failed, "", [&](Status) { each.set_value(); });
    // One after the other, or much of it would be written faster than it is flushed.
    each.get_future().wait();
  }
  store_->keep_rows_after(3000);
  clock_.advance(2h);
  // What is flushed only now counts only now.
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  for (std::uint64_t before = 0; std::chrono::steady_clock::now() < deadline;) {
    before = store_->stats().first_decision;
    ASSERT_TRUE(background_work_ends());
    tick();
    if (before > 1 && before == store_->stats().first_decision) break;
  }
  const StoreStats stats = store_->stats();
  EXPECT_GT(stats.first_decision, 1u);
  EXPECT_LT(stats.first_decision, 2500u);
  EXPECT_GT(stats.first_row, 1u);
  std::uint64_t kept = 0;
  ASSERT_TRUE(store_->for_each_decision(1, [&](const DecisionRecord& record) {
    EXPECT_EQ(record.sequence, stats.first_decision + kept++);
    return true;
  }));
  EXPECT_EQ(kept, 3001 - stats.first_decision);
  tick();
  EXPECT_EQ(store_->stats().first_decision, stats.first_decision);  // it does not go on and on
  expect_verified();
}

TEST_F(RetentionTest, WithoutLimitsEverythingStays) {
  open();
  complete();
  store_->keep_rows_after(1);
  clock_.advance(24h * 3650);
  tick();
  EXPECT_EQ(store_->stats().first_decision, 1u);
  EXPECT_EQ(rows().size(), 1u);
}

}  // namespace
}  // namespace yardmaster::replay
