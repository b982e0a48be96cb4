#include "replay/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/env.h>

#include <chrono>

#include "tests/common/eventually.h"
#include "tests/common/power_loss_disk.h"
#include "tests/unit/replay/store_fixture.h"

namespace yardmaster::replay {
namespace {

using State = FeedbackResult::State;
using namespace std::chrono_literals;

TEST_F(StoreTest, ADecisionThatWasAppendedIsFoundWithAllThatCameOfIt) {
  open();
  const Decision made = decision("s1");
  ASSERT_TRUE(append(made));
  ASSERT_TRUE(report(made.id, outcome(), "resp-1"));
  judge(made.id, 0.8);
  const auto found = store_->find(made.id);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->sequence, 1u);
  EXPECT_EQ(found->decision, made);
  EXPECT_EQ(found->outcome, outcome());
  EXPECT_EQ(found->response_id, "resp-1");
  ASSERT_EQ(found->feedback.size(), 1u);
  EXPECT_EQ(found->feedback[0], feedback(0.8));
}

TEST_F(StoreTest, AnUnknownDecisionIsNotFound) {
  open();
  const auto found = store_->find(decision().id);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::not_found);
}

TEST_F(StoreTest, ARowIsMadeWhenOutcomeAndQualityAreThere) {
  open();
  const Decision made = decision();
  ASSERT_TRUE(append(made));
  EXPECT_EQ(store_->stats().waiting, 1u);
  ASSERT_TRUE(report(made.id, outcome(0.001)));
  EXPECT_TRUE(rows().empty());
  judge(made.id, 0.8);

  ASSERT_EQ(rows().size(), 1u);
  const TrainingRow row = rows()[0];
  EXPECT_EQ(row.sequence, 1u);
  EXPECT_EQ(row.decision_sequence, 1u);
  EXPECT_EQ(row.decision, made.id);
  EXPECT_EQ(row.features, made.features);
  EXPECT_EQ(row.weights, made.weights);
  EXPECT_EQ(row.policy_version, 7u);
  EXPECT_FALSE(row.replaces);
  EXPECT_THAT(row.outcomes, testing::ElementsAre(ArmOutcome{"a", 0.75, 0.004, 0.8, 0.001, 0.5}));
  EXPECT_EQ(store_->stats().waiting, 0u);
}

TEST_F(StoreTest, FeedbackMayComeBeforeTheOutcome) {
  open();
  const DecisionId id = decide();
  judge(id, 0.8);
  EXPECT_TRUE(rows().empty());
  ASSERT_TRUE(report(id, outcome()));
  ASSERT_EQ(rows().size(), 1u);
  EXPECT_EQ(rows()[0].outcomes[0].quality, 0.8);
}

TEST_F(StoreTest, DecisionOutcomeAndFeedbackMayBeQueuedTogether) {
  open();
  const Decision made = decision();
  std::promise<Status> reported;
  std::promise<std::vector<FeedbackResult>> judged;
  store_->append_decision(made, [](Status) {});
  store_->append_outcome(made.id, outcome(), "r",
                         [&](Status status) { reported.set_value(status); });
  store_->append_feedback({about(FeedbackTarget::Kind::response, "r", feedback(1))},
                          [&](std::vector<FeedbackResult> results) { judged.set_value(results); });
  EXPECT_TRUE(reported.get_future().get());
  EXPECT_EQ(judged.get_future().get()[0].state, State::stored);
  EXPECT_EQ(rows().size(), 1u);
}

/// On a disk that tells how much of it a power cut may take.
class SyncedLogTest : public StoreTest {
 protected:
  SyncedLogTest() {
    options_.env = env_.get();
    options_.write_buffer_bytes = 64u << 20;  // so that nothing is flushed
  }
  ~SyncedLogTest() override { store_.reset(); }

  /// Decisions with so much text.
  void write(std::size_t bytes) {
    constexpr std::size_t kText = 10'000;
    for (std::size_t written = 0; written < bytes; written += kText) {
      Decision made = decision();
      made.query.emplace(kText, 'x');
      ASSERT_TRUE(append(std::move(made)));
    }
  }

  std::shared_ptr<test::PowerLossDisk> disk_ = std::make_shared<test::PowerLossDisk>(1);
  std::unique_ptr<rocksdb::Env> env_ = rocksdb::NewCompositeEnv(disk_);
};

TEST_F(SyncedLogTest, ItIsSyncedNowAndThenThoughNobodyWaits) {
  constexpr std::size_t kMegabyte = 1u << 20;
  open();
  ASSERT_NO_FATAL_FAILURE(write(kMegabyte / 2));
  EXPECT_GE(disk_->unsynced_bytes(), kMegabyte / 2);
  ASSERT_NO_FATAL_FAILURE(write(5 * kMegabyte));
  EXPECT_TRUE(test::eventually([&] { return disk_->unsynced_bytes() <= 2 * kMegabyte; }));
}

TEST_F(StoreTest, AFailedCallIsLearnedAtOnceWithQualityZero) {
  open();
  const DecisionId id = decide();
  Outcome failed;
  failed.status = Outcome::Status::error;
  failed.time = clock_.now();
  failed.latency_s = 3;
  failed.error = "timeout";
  ASSERT_TRUE(report(id, failed));
  ASSERT_EQ(rows().size(), 1u);
  EXPECT_EQ(rows()[0].outcomes[0], (ArmOutcome{"a", 0.75, 0.004, 0.0, std::nullopt, 3.0}));
}

TEST_F(StoreTest, WhenTheWindowEndsWithoutFeedbackQualityIsAbsent) {
  open();
  const DecisionId id = decide();
  ASSERT_TRUE(report(id, outcome(0.001)));
  clock_.advance(1h - 1us);
  tick();
  EXPECT_TRUE(rows().empty());
  clock_.advance(1us);
  tick();
  ASSERT_EQ(rows().size(), 1u);
  EXPECT_EQ(rows()[0].outcomes[0], (ArmOutcome{"a", 0.75, 0.004, std::nullopt, 0.001, 0.5}));
  tick();
  EXPECT_EQ(rows().size(), 1u);
}

TEST_F(StoreTest, WhenTheWindowEndsWithoutFeedbackTheDefaultQualityIsTaken) {
  options_.default_quality = 0.25;
  open();
  const DecisionId id = decide();
  ASSERT_TRUE(report(id, outcome()));
  clock_.advance(1h);
  tick();
  ASSERT_EQ(rows().size(), 1u);
  EXPECT_EQ(rows()[0].outcomes[0].quality, 0.25);
}

TEST_F(StoreTest, ASuccessThatNobodyReportedCountsWithItsEstimatedCost) {
  open();
  const DecisionId id = decide();
  judge(id, 0.5);
  clock_.advance(1h);
  tick();
  ASSERT_EQ(rows().size(), 1u);
  EXPECT_EQ(rows()[0].outcomes[0], (ArmOutcome{"a", 0.75, 0.004, 0.5, 0.002, std::nullopt}));
}

TEST_F(StoreTest, ADecisionOfWhichNothingIsKnownMakesNoRow) {
  open();
  Decision made = decision();
  made.estimated_cost_usd = 0;
  ASSERT_TRUE(append(made));
  clock_.advance(1h);
  tick();
  EXPECT_TRUE(rows().empty());
  EXPECT_EQ(store_->stats().waiting, 0u);
  judge(made.id, 0.5);  // much later something is known after all
  ASSERT_EQ(rows().size(), 1u);
  EXPECT_FALSE(rows()[0].replaces);
}

TEST_F(StoreTest, AValueLongAfterTheWindowMakesACorrection) {
  open();
  const DecisionId id = decide();
  ASSERT_TRUE(report(id, outcome(0.001)));
  clock_.advance(1h);
  tick();
  clock_.advance(48h);
  judge(id, 0.8);
  ASSERT_EQ(rows().size(), 2u);
  EXPECT_EQ(rows()[1].sequence, 2u);
  EXPECT_EQ(rows()[1].replaces, rows()[0].outcomes[0]);
  EXPECT_EQ(rows()[1].outcomes[0], (ArmOutcome{"a", 0.75, 0.004, 0.8, 0.001, 0.5}));
}

TEST_F(StoreTest, CorrectionsChainFromTheValuesLearnedLastAlsoAfterAReopen) {
  open();
  const DecisionId id = decide();
  ASSERT_TRUE(report(id, outcome()));
  judge(id, 0.2);
  open();
  judge(id, 0.4);
  judge(id, 0.4);  // nothing new
  open();
  judge(id, 0.6);
  ASSERT_EQ(rows().size(), 3u);
  EXPECT_EQ(rows()[1].replaces, rows()[0].outcomes[0]);
  EXPECT_EQ(rows()[2].replaces, rows()[1].outcomes[0]);
  EXPECT_EQ(rows()[2].outcomes[0].quality, 0.6);
  EXPECT_EQ(store_->stats().feedback, 4u);
}

TEST_F(StoreTest, TheRowWaitsForEveryMetricOfTheObjective) {
  objective_ = *env::QualityObjective::make({metric("accuracy"), metric("tone")},
                                            {{"accuracy", 3}, {"tone", 1}});
  open();
  const DecisionId id = decide();
  ASSERT_TRUE(report(id, outcome()));
  judge(id, 1.0, "accuracy");
  EXPECT_TRUE(rows().empty());
  judge(id, 0.0, "tone");
  ASSERT_EQ(rows().size(), 1u);
  EXPECT_EQ(rows()[0].outcomes[0].quality, 0.75);
}

TEST_F(StoreTest, TheFirstOutcomeCountsAndARepeatedReportIsNoError) {
  open();
  const DecisionId id = decide();
  ASSERT_TRUE(report(id, outcome(0.001)));
  clock_.advance(1s);
  EXPECT_TRUE(report(id, outcome(0.001)));
  const Status other = report(id, outcome(0.005));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::conflict);
  EXPECT_EQ(store_->stats().outcomes, 1u);
}

TEST_F(StoreTest, AnOutcomeForAnUnknownDecisionIsNotFound) {
  open();
  const Status status = report(decision().id, outcome());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::not_found);
}

TEST_F(StoreTest, ADecisionThatCannotBeIsRefused) {
  open();
  Decision no_propensity = decision();
  no_propensity.propensities.pop_back();
  EXPECT_EQ(append(no_propensity).error().code, ErrorCode::invalid_argument);
  Decision no_choice = decision();
  no_choice.chosen = 2;
  EXPECT_EQ(append(no_choice).error().code, ErrorCode::invalid_argument);
  const Decision twice = decision();
  EXPECT_TRUE(append(twice));
  EXPECT_EQ(append(twice).error().code, ErrorCode::conflict);
  EXPECT_EQ(store_->stats().decisions, 1u);
}

TEST_F(StoreTest, SessionFeedbackIsCreditedToEachDecisionOfTheSession) {
  open();
  const DecisionId first = decide("talk");
  const DecisionId second = decide("talk");
  const DecisionId other = decide("talk2");
  const auto result = send(about(FeedbackTarget::Kind::session, "talk", feedback(0.5)));
  EXPECT_EQ(result.state, State::stored);
  EXPECT_EQ(store_->find(first)->feedback.size(), 1u);
  EXPECT_EQ(store_->find(second)->feedback.size(), 1u);
  EXPECT_EQ(store_->find(other)->feedback.size(), 0u);
  const auto unknown = send(about(FeedbackTarget::Kind::session, "tal", feedback(0.5)));
  EXPECT_EQ(unknown.error->code, ErrorCode::not_found);
}

TEST_F(StoreTest, FeedbackOnASessionOfMoreThanAThousandDecisionsIsRefused) {
  open();
  for (int i = 0; i < 1'000; ++i) decide("endless");
  const FeedbackItem item = about(FeedbackTarget::Kind::session, "endless", feedback(1));
  EXPECT_EQ(send(item).state, State::stored);
  decide("endless");
  const FeedbackResult refused = send(item);
  ASSERT_EQ(refused.state, State::error);
  EXPECT_EQ(refused.error->code, ErrorCode::invalid_argument);
}

TEST_F(StoreTest, FeedbackErrorsSayWhyAndLeaveOtherItemsAlone) {
  open();
  const DecisionId id = decide();
  std::promise<std::vector<FeedbackResult>> promise;
  store_->append_feedback(
      {on(id, feedback(2)), on(id, feedback(0.5, "speed")), on(decision().id, feedback(1)),
       about(FeedbackTarget::Kind::decision, "no-uuid", feedback(1)),
       about(FeedbackTarget::Kind::response, "", feedback(1)), on(id, feedback(1))},
      [&](std::vector<FeedbackResult> results) { promise.set_value(std::move(results)); });
  const auto results = promise.get_future().get();
  ASSERT_EQ(results.size(), 6u);
  EXPECT_EQ(results[0].error->code, ErrorCode::out_of_range);
  EXPECT_EQ(results[1].error->code, ErrorCode::not_found);
  EXPECT_EQ(results[2].error->code, ErrorCode::not_found);
  EXPECT_EQ(results[3].error->code, ErrorCode::invalid_argument);
  EXPECT_EQ(results[4].error->code, ErrorCode::invalid_argument);
  EXPECT_EQ(results[5].state, State::stored);
}

class IdempotencyTest : public StoreTest {
 protected:
  FeedbackItem keyed(const DecisionId& id, double value, std::string key, std::string scope = "") {
    FeedbackItem item = on(id, feedback(value));
    item.feedback.idempotency_key = std::move(key);
    item.feedback.key_scope = std::move(scope);
    return item;
  }
};

TEST_F(IdempotencyTest, TheSameKeyAndValueIsADuplicateAlsoAfterAReopen) {
  open();
  const DecisionId id = decide();
  EXPECT_EQ(send(keyed(id, 0.5, "k")).state, State::stored);
  EXPECT_EQ(send(keyed(id, 0.5, "k")).state, State::duplicate);
  open();
  EXPECT_EQ(send(keyed(id, 0.5, "k")).state, State::duplicate);
  EXPECT_EQ(store_->find(id)->feedback.size(), 1u);
  EXPECT_EQ(store_->stats().duplicates, 2u);
}

TEST_F(IdempotencyTest, TheSameKeyWithAnotherValueOrDecisionIsAConflict) {
  open();
  const DecisionId id = decide();
  const DecisionId other = decide();
  EXPECT_EQ(send(keyed(id, 0.5, "k")).state, State::stored);
  EXPECT_EQ(send(keyed(id, 0.6, "k")).error->code, ErrorCode::conflict);
  EXPECT_EQ(send(keyed(other, 0.5, "k")).error->code, ErrorCode::conflict);
}

TEST_F(IdempotencyTest, KeysOfDifferentApiKeysDoNotMeet) {
  open();
  const DecisionId id = decide();
  EXPECT_EQ(send(keyed(id, 0.5, "k", "app1")).state, State::stored);
  EXPECT_EQ(send(keyed(id, 0.6, "k", "app2")).state, State::stored);
}

TEST_F(IdempotencyTest, ARepeatedSessionItemIsADuplicateEvenIfTheSessionWentOn) {
  open();
  decide("talk");
  FeedbackItem item = about(FeedbackTarget::Kind::session, "talk", feedback(0.5));
  item.feedback.idempotency_key = "k";
  EXPECT_EQ(send(item).state, State::stored);
  decide("talk");
  EXPECT_EQ(send(item).state, State::duplicate);
}

TEST_F(StoreTest, RowsComeInOrderFromWhereTheReaderStands) {
  open();
  for (int i = 0; i < 10; ++i) {
    const DecisionId id = decide();
    ASSERT_TRUE(report(id, outcome()));
    judge(id, i / 10.0);
  }
  const auto some = store_->rows_after(3, 4);
  ASSERT_TRUE(some);
  ASSERT_EQ(some->size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ((*some)[i].sequence, 4 + i);
  EXPECT_TRUE(store_->rows_after(10, 4)->empty());
}

TEST_F(StoreTest, ImportedRowsFollowInTheSameSequence) {
  open();
  std::atomic<std::uint64_t> newest{0};
  store_->on_rows([&](std::uint64_t sequence) { newest = sequence; });
  TrainingRow row;
  row.outcomes = {{"a", 1, 0, 0.5, std::nullopt, std::nullopt},
                  {"b", 1, 0, 0.7, std::nullopt, std::nullopt}};
  ASSERT_TRUE(append_rows({row, row}));
  const DecisionId id = decide();
  ASSERT_TRUE(report(id, outcome()));
  judge(id, 1);
  ASSERT_EQ(rows().size(), 3u);
  EXPECT_EQ(rows()[1].sequence, 2u);
  EXPECT_EQ(rows()[1].outcomes, row.outcomes);
  EXPECT_EQ(rows()[2].decision, id);
  EXPECT_EQ(newest, 3u);
}

TEST_F(StoreTest, RecordsOutsideTheCacheAreJoinedFromDisk) {
  options_.recent_decisions = 2;
  open();
  std::vector<DecisionId> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(decide());
  for (const DecisionId& id : ids) ASSERT_TRUE(report(id, outcome()));
  for (const DecisionId& id : ids) judge(id, 0.5);
  EXPECT_EQ(rows().size(), 50u);
  EXPECT_EQ(store_->stats().waiting, 0u);
}

TEST_F(StoreTest, RocksDbsFlushesAndCompactionsAreBackgroundWorkWhileTheyLast) {
  open();
  bool seen = false;
  for (int i = 0; i < 20'000 && !seen; ++i) {
    Decision made = decision();
    made.query = std::string(4000, 'q');
    ASSERT_TRUE(append(std::move(made)));
    seen = store_->background_work().under_way();
  }
  EXPECT_TRUE(seen);
  EXPECT_TRUE(background_work_ends());
}

}  // namespace
}  // namespace yardmaster::replay
