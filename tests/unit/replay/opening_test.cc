#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <unistd.h>

#include <fstream>

#include "replay/verify.h"
#include "tests/unit/replay/store_fixture.h"

namespace yardmaster::replay {
namespace {

class OpeningTest : public StoreTest {
 protected:
  Error open_error() {
    auto opened = Store::open(options_, objective_);
    EXPECT_FALSE(opened);
    return opened ? Error{} : opened.error();
  }

  /// A decision that is decided, reported and judged.
  DecisionId complete() {
    const DecisionId id = decide("s");
    EXPECT_TRUE(report(id, outcome(), "r-" + id.str()));
    judge(id, 0.5);
    return id;
  }

  void expect_verified(const std::filesystem::path& directory) {
    const Status verified = verify(directory);
    EXPECT_TRUE(verified) << verified.error().message;
  }
};

TEST_F(OpeningTest, AllIsThereAfterAReopenAndSequencesGoOn) {
  open();
  const DecisionId first = complete();
  open();
  const DecisionId second = complete();
  EXPECT_EQ(store_->find(first)->sequence, 1u);
  EXPECT_EQ(store_->find(second)->sequence, 2u);
  EXPECT_EQ(rows().size(), 2u);
  EXPECT_EQ(rows()[1].sequence, 2u);
  expect_verified(options_.directory);
}

TEST_F(OpeningTest, AStoreInUseIsUnavailable) {
  open();
  const Error error = open_error();
  EXPECT_EQ(error.code, ErrorCode::unavailable);
  EXPECT_NE(error.message.find("in use by another process"), std::string::npos) << error.message;
}

TEST_F(OpeningTest, ANewerFormatIsUnsupportedAndNotTouched) {
  {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, options_.directory.string(), &db).ok());
    rocksdb::ColumnFamilyHandle* family = nullptr;
    ASSERT_TRUE(db->CreateColumnFamily({}, "meta.v2", &family).ok());
    ASSERT_TRUE(db->DestroyColumnFamilyHandle(family).ok());
    delete db;
  }
  const auto files = [&] {
    std::map<std::string, std::uintmax_t> out;
    for (const auto& file : std::filesystem::directory_iterator(options_.directory)) {
      out[file.path().filename()] = file.file_size();
    }
    return out;
  };
  const auto before = files();
  const Error error = open_error();
  EXPECT_EQ(error.code, ErrorCode::unsupported);
  EXPECT_NE(error.message.find("format version 2"), std::string::npos) << error.message;
  EXPECT_EQ(files(), before);
  EXPECT_EQ(Store::open_read_only(options_.directory).error().code, ErrorCode::unsupported);
}

TEST_F(OpeningTest, ADatabaseOfAnotherProgramIsUnsupported) {
  {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, options_.directory.string(), &db).ok());
    rocksdb::ColumnFamilyHandle* family = nullptr;
    ASSERT_TRUE(db->CreateColumnFamily({}, "blocks", &family).ok());
    ASSERT_TRUE(db->DestroyColumnFamilyHandle(family).ok());
    delete db;
  }
  EXPECT_EQ(open_error().code, ErrorCode::unsupported);
}

TEST_F(OpeningTest, AStoreWhoseCreationWasCutShortIsCompleted) {
  {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, options_.directory.string(), &db).ok());
    rocksdb::ColumnFamilyHandle* family = nullptr;
    ASSERT_TRUE(db->CreateColumnFamily({}, "decisions", &family).ok());
    ASSERT_TRUE(db->DestroyColumnFamilyHandle(family).ok());
    delete db;
  }
  open();
  complete();
  EXPECT_EQ(rows().size(), 1u);
}

TEST_F(OpeningTest, ADirectoryThatCannotBeIsAnIoError) {
  std::ofstream(directory_.path() / "file") << "not a directory";
  options_.directory = directory_.path() / "file" / "replay";
  const Error error = open_error();
  EXPECT_EQ(error.code, ErrorCode::io);
  EXPECT_NE(error.message.find("file/replay"), std::string::npos) << error.message;
}

TEST_F(OpeningTest, ADirectoryWithoutPermissionIsAnIoError) {
  if (::geteuid() == 0) GTEST_SKIP() << "permissions do not bind root";
  std::filesystem::create_directories(options_.directory);
  std::filesystem::permissions(options_.directory, std::filesystem::perms::owner_read);
  EXPECT_EQ(open_error().code, ErrorCode::io);
  std::filesystem::permissions(options_.directory, std::filesystem::perms::owner_all);
}

TEST_F(OpeningTest, ReadOnlySeesAllThatWasAcknowledgedWhileTheWriterRuns) {
  open();
  std::vector<DecisionId> ids;
  for (int i = 0; i < 200; ++i) ids.push_back(complete());
  const auto reader = Store::open_read_only(options_.directory);
  ASSERT_TRUE(reader) << reader.error().message;
  std::size_t visited = 0;
  const Status read = (*reader)->for_each_decision(1, [&](const DecisionRecord& record) {
    EXPECT_EQ(record.decision.id, ids[visited++]);
    EXPECT_TRUE(record.outcome);
    EXPECT_EQ(record.feedback.size(), 1u);
    return true;
  });
  EXPECT_TRUE(read) << read.error().message;
  EXPECT_EQ(visited, 200u);
  EXPECT_EQ((*reader)->stats().rows, 200u);
  EXPECT_TRUE((*reader)->find(ids[7]));
  Rng rng(1);
  EXPECT_EQ((*reader)->sample(3, 0, rng)->size(), 3u);
  complete();  // the writer is not disturbed
  EXPECT_EQ((*reader)->stats().rows, 200u);
  expect_verified(options_.directory);
}

TEST_F(OpeningTest, ReadOnlyRefusesToWrite) {
  open();
  const DecisionId id = complete();
  store_ = std::move(*Store::open_read_only(options_.directory));
  EXPECT_EQ(append(decision()).error().code, ErrorCode::unsupported);
  EXPECT_EQ(report(id, outcome()).error().code, ErrorCode::unsupported);
  EXPECT_EQ(send(on(id, feedback(1))).error->code, ErrorCode::unsupported);
  EXPECT_EQ(store_->tick().error().code, ErrorCode::unsupported);
}

TEST_F(OpeningTest, ReadOnlyWithoutAStoreIsNotFoundAndCreatesNothing) {
  const auto reader = Store::open_read_only(options_.directory);
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, ErrorCode::not_found);
  EXPECT_FALSE(std::filesystem::exists(options_.directory));
}

TEST_F(OpeningTest, ABackupOfARunningStoreHoldsAllThatWasAcknowledged) {
  open();
  std::vector<DecisionId> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(complete());
  const auto copy = directory_.path() / "backups" / "one";
  const Status made = store_->backup(copy);
  ASSERT_TRUE(made) << made.error().message;
  complete();  // is not in the backup
  EXPECT_EQ(store_->backup(copy).error().code, ErrorCode::conflict);

  expect_verified(copy);
  options_.directory = copy;
  open();
  EXPECT_EQ(store_->stats().decisions, 100u);
  EXPECT_EQ(rows().size(), 100u);
  complete();
  EXPECT_EQ(store_->stats().decisions, 101u);
}

TEST_F(OpeningTest, WhatIsQueuedAtTheEndIsStored) {
  open();
  std::atomic<int> stored{0};
  for (int i = 0; i < 500; ++i) {
    store_->append_decision(decision(), [&](Status status) { stored += status ? 1 : 0; });
  }
  open();
  EXPECT_EQ(stored, 500);
  EXPECT_EQ(store_->stats().decisions, 500u);
}

}  // namespace
}  // namespace yardmaster::replay
