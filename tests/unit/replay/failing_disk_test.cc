#include "tests/common/failing_disk.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <system_error>

#include "replay/database.h"
#include "replay/verify.h"
#include "tests/unit/replay/store_fixture.h"

namespace yardmaster::replay {
namespace {

using test::FailingDisk;
using Fault = FailingDisk::Fault;

class FailingDiskTest : public StoreTest, public testing::WithParamInterface<Fault> {
 protected:
  FailingDiskTest() { options_.env = env_.get(); }
  ~FailingDiskTest() override { store_.reset(); }

  /// Everything until the store takes a decision again; it tries by itself, about once a second.
  void wait_until_writable() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!append(decision()) && std::chrono::steady_clock::now() < deadline) {
    }
    EXPECT_TRUE(store_->stats().writable) << store_->stats().last_error;
  }

  /// The state that a killed process would leave behind, opened on a sound disk.
  void expect_same_after_kill() {
    const StoreStats before = store_->stats();
    const auto rows_before = rows();
    const auto copy = directory_.path() / "copy";
    copy_store(copy);
    options_.directory = copy;
    options_.env = nullptr;
    open();
    EXPECT_EQ(store_->stats().decisions, before.decisions);
    EXPECT_EQ(store_->stats().outcomes, before.outcomes);
    EXPECT_EQ(store_->stats().feedback, before.feedback);
    EXPECT_EQ(rows(), rows_before);
    const Status verified = verify(copy);
    EXPECT_TRUE(verified) << verified.error().message;
  }

 private:
  /// Again where a file is gone before it is copied: RocksDB removes what it no longer needs.
  void copy_store(const std::filesystem::path& copy) {
    std::error_code failed;
    for (int attempt = 0; attempt < 20; ++attempt) {
      std::filesystem::remove_all(copy);
      std::filesystem::copy(options_.directory, copy, std::filesystem::copy_options::recursive,
                            failed);
      if (!failed) return;
    }
    FAIL() << failed.message();
  }

 protected:
  std::shared_ptr<FailingDisk> disk_ = std::make_shared<FailingDisk>();
  std::unique_ptr<rocksdb::Env> env_ = rocksdb::NewCompositeEnv(disk_);
};

TEST_P(FailingDiskTest, AFaultRefusesWritesKeepsReadsAndIsOverWhenTheDiskIs) {
  open();
  const DecisionId before = decide();
  ASSERT_TRUE(report(before, outcome()));
  judge(before, 0.5);

  disk_->set_fault(GetParam());
  const auto refused = send(on(before, feedback(1)));
  EXPECT_EQ(refused.state, FeedbackResult::State::error);
  EXPECT_EQ(refused.error->code, ErrorCode::unavailable);
  EXPECT_EQ(append(decision()).error().code, ErrorCode::unavailable);
  EXPECT_FALSE(store_->stats().writable);
  EXPECT_NE(store_->stats().last_error, "");
  EXPECT_FALSE(store_->tick());
  EXPECT_EQ(store_->find(before)->feedback.front().value, 0.5);
  EXPECT_EQ(rows().front().outcomes[0].quality, 0.5);

  disk_->set_fault(Fault::none);
  wait_until_writable();
  const DecisionId after = decide();
  ASSERT_TRUE(report(after, outcome()));
  judge(after, 0.25);
  EXPECT_TRUE(store_->find(before));
  EXPECT_EQ(rows().back().decision, after);
  expect_same_after_kill();
}

INSTANTIATE_TEST_SUITE_P(EachFault, FailingDiskTest,
                         testing::Values(Fault::full, Fault::broken, Fault::read_only,
                                         Fault::cannot_sync),
                         [](const auto& fault) {
                           switch (fault.param) {
                             case Fault::full:
                               return "Full";
                             case Fault::broken:
                               return "Broken";
                             case Fault::read_only:
                               return "ReadOnly";
                             default:
                               return "CannotSync";
                           }
                         });

TEST_F(FailingDiskTest, AReadOnlyDiskIsRefusedWithWhatToCheck) {
  disk_->set_fault(Fault::read_only);
  const auto store = Store::open(options_, objective_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::io);
  EXPECT_NE(store.error().message.find("; check the disk and permissions"), std::string::npos)
      << store.error().message;
}

// The kernel tells of a failure once, and then takes the bytes that it lost for written.
TEST_F(FailingDiskTest, ASyncThatFailedIsNoneUntilTheDatabaseIsOpenedAgain) {
  const auto database =
      Database::open({options_.directory, options_.write_buffer_bytes, options_.env});
  ASSERT_TRUE(database) << database.error().message;
  const auto write = [&] {
    const auto view = (*database)->view();
    ASSERT_TRUE(view);
    Batch batch(*view);
    batch.put(Family::ids, "name", "value");
    ASSERT_TRUE(batch.write().ok());
  };
  ASSERT_NO_FATAL_FAILURE(write());
  disk_->set_fault(Fault::cannot_sync);
  EXPECT_FALSE((*database)->sync());
  disk_->set_fault(Fault::none);
  EXPECT_FALSE((*database)->sync());
  EXPECT_TRUE((*database)->revive());
  ASSERT_NO_FATAL_FAILURE(write());
  EXPECT_TRUE((*database)->sync());
}

TEST_F(FailingDiskTest, NothingOfATurnThatFailedIsStored) {
  open();
  const Decision lost = decision();
  disk_->set_fault(Fault::full);
  EXPECT_FALSE(append(lost));
  EXPECT_EQ(report(lost.id, outcome()).error().code, ErrorCode::unavailable);
  disk_->set_fault(Fault::none);
  wait_until_writable();
  EXPECT_EQ(store_->find(lost.id).error().code, ErrorCode::not_found);
  EXPECT_EQ(report(lost.id, outcome()).error().code, ErrorCode::not_found);
  expect_same_after_kill();
}

TEST_P(FailingDiskTest, AFlushThatFailedIsNoBackgroundWorkOnceTheDiskIsSound) {
  open();
  const DecisionId id = decide();
  for (int i = 0; i < 20'000 && !store_->background_work().under_way(); ++i) decide();
  disk_->set_fault(GetParam());
  EXPECT_EQ(send(on(id, feedback(1))).state, FeedbackResult::State::error);
  disk_->set_fault(Fault::none);
  // RocksDB tells of a flush that failed when it is written to again.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (store_->background_work().under_way() && std::chrono::steady_clock::now() < deadline) {
    wait_until_writable();
  }
  EXPECT_TRUE(background_work_ends());
}

TEST_P(FailingDiskTest, AStoreMayBeClosedWhileTheDiskFails) {
  open();
  const DecisionId id = decide();
  judge(id, 0.5);
  disk_->set_fault(GetParam());
  EXPECT_FALSE(send(on(id, feedback(1))).state == FeedbackResult::State::stored);
  store_.reset();
  disk_->set_fault(Fault::none);
  open();
  EXPECT_EQ(store_->find(id)->feedback.front().value, 0.5);
}

/// Holds up the writer by a completion that waits.
class FullQueueTest : public StoreTest {
 protected:
  ~FullQueueTest() override { store_.reset(); }

  void hold_writer() {
    store_->append_decision(decision(), [this](Status) {
      entered_.set_value();
      release_.get_future().wait();
    });
    entered_.get_future().wait();
  }

  void release_writer() { release_.set_value(); }

  void append_counted(Decision value) {
    store_->append_decision(std::move(value), [this](Status status) {
      stored_ += status ? 1 : 0;
      refusals_ += status ? "" : status.error().message;
    });
  }

  std::promise<void> entered_;
  std::promise<void> release_;
  std::atomic<int> stored_{0};
  std::string refusals_;
};

TEST_F(FullQueueTest, WhatExceedsTheRecordsIsRefusedAtOnce) {
  options_.max_queued_records = 8;
  open();
  hold_writer();
  for (int i = 0; i < 8; ++i) append_counted(decision());
  EXPECT_EQ(store_->stats().queued, 8u);
  EXPECT_EQ(refusals_, "");
  append_counted(decision());
  EXPECT_NE(refusals_.find("queue is full"), std::string::npos) << refusals_;
  release_writer();
  open();  // finishes what is queued
  EXPECT_EQ(stored_, 8);
  EXPECT_EQ(store_->stats().decisions, 9u);
}

TEST_F(FullQueueTest, WhatExceedsTheBytesIsRefusedAtOnceButOneRecordAlwaysFits) {
  options_.max_queued_bytes = 10'000;
  open();
  hold_writer();
  Decision large = decision();
  large.query = std::string(20'000, 'q');
  append_counted(large);
  EXPECT_EQ(refusals_, "");
  append_counted(decision());
  EXPECT_NE(refusals_.find("queue is full"), std::string::npos) << refusals_;
  release_writer();
  open();
  EXPECT_EQ(stored_, 1);
}

}  // namespace
}  // namespace yardmaster::replay
