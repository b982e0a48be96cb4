#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "replay/decision_log.h"
#include "replay/verify.h"
#include "tests/common/failing_disk.h"
#include "tests/unit/replay/store_fixture.h"

namespace yardmaster::replay {
namespace {

using namespace std::chrono_literals;

class TextRetentionTest : public StoreTest {
 protected:
  TextRetentionTest() { options_.max_text_age = 24h; }
  ~TextRetentionTest() override { store_.reset(); }

  DecisionId ask(std::string text) {
    Decision made = decision();
    made.query = std::move(text);
    const DecisionId id = made.id;
    EXPECT_TRUE(append(std::move(made)));
    return id;
  }

  /// Letters that no compression shortens.
  std::string random_text() {
    std::string text;
    for (int i = 0; i < 40; ++i) text += static_cast<char>('A' + rng_.below(26));
    return text;
  }

  std::optional<std::string> text_of(const DecisionId& id) {
    const auto record = store_->find(id);
    EXPECT_TRUE(record) << record.error().message;
    return record ? record->decision.query : std::nullopt;
  }

  bool is_in_a_file(const std::string& text) const {
    for (const auto& file : std::filesystem::directory_iterator(options_.directory)) {
      std::ifstream in(file.path(), std::ios::binary);
      const std::string bytes(std::istreambuf_iterator<char>(in), {});
      if (bytes.find(text) != std::string::npos) return true;
    }
    return false;
  }

  void expect_leaves_the_files(const std::string& text) const {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (is_in_a_file(text) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(10ms);
    }
    EXPECT_FALSE(is_in_a_file(text)) << store_->stats().last_error;
  }

  void expect_verified() {
    const Status verified = verify(options_.directory);
    EXPECT_TRUE(verified) << verified.error().message;
  }
};

TEST_F(TextRetentionTest, AnOldTextGoesAndAllElseOfItsDecisionStays) {
  open();
  const DecisionId old = ask("what was asked");
  ASSERT_TRUE(report(old, outcome(), "r-1"));
  judge(old, 0.5);
  clock_.advance(24h);
  const DecisionId young = ask("what is asked");
  const auto rows_before = rows();
  DecisionRecord expected = *store_->find(old);
  clock_.advance(1us);
  tick();

  EXPECT_EQ(text_of(young), "what is asked");
  const auto record = store_->find(old);
  ASSERT_TRUE(record);
  expected.decision.query.reset();
  EXPECT_EQ(record->decision, expected.decision);
  EXPECT_EQ(record->outcome, expected.outcome);
  EXPECT_EQ(record->feedback, expected.feedback);
  EXPECT_EQ(to_json_line(*record).find("what was asked"), std::string::npos);
  EXPECT_EQ(rows(), rows_before);
  expect_verified();
}

TEST_F(TextRetentionTest, ADecisionWithoutItsTextIsStillJoined) {
  options_.reward_window = 72h;
  options_.recent_decisions = 1;  // so that joins are read from the disk
  open();
  const DecisionId judged_late = ask("first");
  const DecisionId corrected = ask("second");
  ASSERT_TRUE(report(corrected, outcome()));
  judge(corrected, 0.25);
  clock_.advance(25h);
  tick();
  EXPECT_EQ(text_of(judged_late), std::nullopt);

  ASSERT_TRUE(report(judged_late, outcome()));
  judge(judged_late, 1);
  judge(corrected, 0.75);
  ASSERT_EQ(rows().size(), 3u);
  EXPECT_EQ(rows()[1].decision, judged_late);
  EXPECT_EQ(rows()[1].features, decision().features);
  EXPECT_EQ(rows()[2].replaces->quality, 0.25);
  expect_verified();
}

TEST_F(TextRetentionTest, ItsBytesLeaveTheLogAndTheTables) {
  options_.write_buffer_bytes = 64u << 20;  // nothing is flushed by itself
  open();
  const std::string in_a_table = random_text();
  ask(in_a_table);
  open();  // which writes the log into tables
  const std::string in_the_log = random_text();
  ask(in_the_log);
  ASSERT_TRUE(is_in_a_file(in_a_table));
  ASSERT_TRUE(is_in_a_file(in_the_log));
  clock_.advance(25h);
  const std::string young = random_text();
  const DecisionId kept = ask(young);
  tick();
  expect_leaves_the_files(in_a_table);
  expect_leaves_the_files(in_the_log);
  EXPECT_EQ(text_of(kept), young);
  expect_verified();
}

TEST_F(TextRetentionTest, WhatAKilledProcessLeftInTheFilesGoesAtTheNextStart) {
  open();
  const std::string text = random_text();
  const DecisionId id = ask(text);
  clock_.advance(25h);
  tick();
  store_.reset();  // breaks off the rewriting, if it had begun
  open();
  EXPECT_EQ(text_of(id), std::nullopt);
  expect_leaves_the_files(text);
  expect_verified();
}

TEST_F(TextRetentionTest, AStoreThatKnewNoAgeOpensWithItsTextsAndLosesTheOldOnes) {
  options_.max_text_age = 0us;
  open();
  std::vector<DecisionId> old;
  for (int i = 0; i < 1000; ++i) old.push_back(ask("text " + std::to_string(i)));
  clock_.advance(25h);
  const DecisionId young = ask("young");
  tick();
  EXPECT_EQ(text_of(old.front()), "text 0");

  open();
  EXPECT_EQ(text_of(old.back()), "text 999");
  options_.max_text_age = 24h;
  open();
  tick();
  for (const DecisionId& id : old) ASSERT_EQ(text_of(id), std::nullopt);
  EXPECT_EQ(text_of(young), "young");
  EXPECT_EQ(store_->stats().first_decision, 1u);

  clock_.advance(25h);
  open();
  tick();
  EXPECT_EQ(text_of(young), std::nullopt);
  expect_verified();
}

TEST_F(TextRetentionTest, WhatIsImportedTooOldComesWithoutItsText) {
  open();
  DecisionRecord record;
  record.decision = decision();
  record.decision.query = "long ago";
  record.decision.time -= 25h;
  ASSERT_TRUE(import(record));
  EXPECT_EQ(text_of(record.decision.id), std::nullopt);
  record.decision.id = decision().id;
  record.decision.time += 25h;
  ASSERT_TRUE(import(record));
  EXPECT_EQ(text_of(record.decision.id), "long ago");
}

TEST_F(TextRetentionTest, DecisionsThatRetentionRemovedAreNoHindrance) {
  options_.max_age = 48h;
  open();
  ask("removed with its decision");
  clock_.advance(49h);
  const DecisionId id = ask("expires");
  tick();
  EXPECT_EQ(store_->stats().first_decision, 2u);
  EXPECT_EQ(text_of(id), "expires");
  clock_.advance(25h);
  tick();
  EXPECT_EQ(text_of(id), std::nullopt);
  expect_verified();
}

TEST_F(TextRetentionTest, ADiskThatFailsOnlyPutsItOff) {
  const auto disk = std::make_shared<test::FailingDisk>();
  const auto env = rocksdb::NewCompositeEnv(disk);
  options_.env = env.get();
  open();
  const DecisionId id = ask("what was asked");
  clock_.advance(25h);
  disk->set_fault(test::FailingDisk::Fault::full);
  static_cast<void>(store_->tick().has_value());
  EXPECT_EQ(text_of(id), "what was asked");
  disk->set_fault(test::FailingDisk::Fault::none);
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while (text_of(id) && std::chrono::steady_clock::now() < deadline) {
    static_cast<void>(store_->tick().has_value());
  }
  EXPECT_EQ(text_of(id), std::nullopt);
  EXPECT_TRUE(store_->stats().writable);
  store_.reset();
  options_.env = nullptr;
  expect_verified();
}

}  // namespace
}  // namespace yardmaster::replay
