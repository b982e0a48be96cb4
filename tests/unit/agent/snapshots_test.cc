#include "agent/snapshots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/common/temp_dir.h"

namespace yardmaster::agent {
namespace {

using ::testing::HasSubstr;

policies::PolicyOptions two_models() {
  policies::PolicyOptions options;
  options.dimension = 2;
  options.models = {"a", "b"};
  return options;
}

std::unique_ptr<policies::Learner> new_learner() {
  return std::move(policies::make_learner("epsilon_greedy", two_models()).value());
}

void learn_rows(policies::Learner& learner, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t sequence = from; sequence <= to; ++sequence) {
    TrainingRow row;
    row.sequence = row.decision_sequence = sequence;
    row.features.values = {static_cast<float>(sequence % 3) - 1.0f, 0.5f};
    row.outcomes.push_back({sequence % 2 == 0 ? "a" : "b", 0.5, 0, sequence % 2 == 0 ? 1.0 : 0.0,
                            std::nullopt, std::nullopt});
    ASSERT_TRUE(learner.learn(row));
  }
}

std::string state_of(const policies::Learner& learner) {
  std::ostringstream out;
  EXPECT_TRUE(learner.save(out));
  return out.str();
}

void overwrite_byte(const std::filesystem::path& path, std::streamoff at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(at);
  file.put('\x7f');
}

TEST(Snapshots, TheNewestComesBackAsItWas) {
  const test::TempDir dir;
  Snapshots snapshots(dir.path(), "auto", "f", 3);
  const auto learner = new_learner();
  learn_rows(*learner, 1, 10);
  ASSERT_TRUE(snapshots.save(*learner, 10));
  learn_rows(*learner, 11, 20);
  ASSERT_TRUE(snapshots.save(*learner, 20));

  const auto restored = new_learner();
  EXPECT_EQ(snapshots.load_newest(*restored, 100).version, 20u);
  EXPECT_EQ(state_of(*restored), state_of(*learner));
}

TEST(Snapshots, ADamagedOneIsPassedOverForTheNextAndItSaysSo) {
  const test::TempDir dir;
  Snapshots snapshots(dir.path(), "auto", "f", 3);
  const auto learner = new_learner();
  learn_rows(*learner, 1, 10);
  ASSERT_TRUE(snapshots.save(*learner, 10));
  const std::string good = state_of(*learner);
  learn_rows(*learner, 11, 20);
  ASSERT_TRUE(snapshots.save(*learner, 20));
  overwrite_byte(dir.path() / "auto-20.snapshot", 60);

  const auto restored = new_learner();
  const LoadedSnapshot loaded = snapshots.load_newest(*restored, 100);
  EXPECT_EQ(loaded.version, 10u);
  ASSERT_EQ(loaded.refused.size(), 1u);
  EXPECT_THAT(loaded.refused[0], HasSubstr("auto-20.snapshot does not match its checksum"));
  EXPECT_EQ(state_of(*restored), good);
}

TEST(Snapshots, OneOfANewerFormatIsPassedOverAndKept) {
  const test::TempDir dir;
  Snapshots snapshots(dir.path(), "auto", "f", 3);
  const auto learner = new_learner();
  ASSERT_TRUE(snapshots.save(*learner, 10));
  ASSERT_TRUE(snapshots.save(*learner, 20));
  overwrite_byte(dir.path() / "auto-20.snapshot", 8);

  const LoadedSnapshot loaded = snapshots.load_newest(*new_learner(), 100);
  EXPECT_EQ(loaded.version, 10u);
  ASSERT_EQ(loaded.refused.size(), 1u);
  EXPECT_THAT(loaded.refused[0], HasSubstr("auto-20.snapshot has format 127, and this program "
                                           "reads format 1"));
  EXPECT_TRUE(std::filesystem::exists(dir.path() / "auto-20.snapshot"));
}

TEST(Snapshots, ATruncatedEmptyOrForeignFileIsPassedOver) {
  const test::TempDir dir;
  Snapshots snapshots(dir.path(), "auto", "f", 3);
  const auto learner = new_learner();
  ASSERT_TRUE(snapshots.save(*learner, 5));
  std::filesystem::resize_file(dir.path() / "auto-5.snapshot", 30);
  std::ofstream(dir.path() / "auto-6.snapshot").close();
  std::ofstream(dir.path() / "auto-7.snapshot") << "something else";

  const auto restored = new_learner();
  const LoadedSnapshot loaded = snapshots.load_newest(*restored, 100);
  EXPECT_EQ(loaded.version, 0u);
  EXPECT_EQ(loaded.refused.size(), 3u);
}

TEST(Snapshots, OneOfAnotherPolicyOrEncoderIsNotLoaded) {
  const test::TempDir dir;
  ASSERT_TRUE(Snapshots(dir.path(), "auto", "encoder=hash", 3).save(*new_learner(), 5));
  const auto restored = new_learner();
  const LoadedSnapshot loaded =
      Snapshots(dir.path(), "auto", "encoder=static", 3).load_newest(*restored, 100);
  EXPECT_EQ(loaded.version, 0u);
  EXPECT_TRUE(loaded.refused.empty());
}

TEST(Snapshots, OneThatLearnedRowsTheStoreDoesNotHaveIsPassedOver) {
  const test::TempDir dir;
  Snapshots snapshots(dir.path(), "auto", "f", 3);
  ASSERT_TRUE(snapshots.save(*new_learner(), 5));
  ASSERT_TRUE(snapshots.save(*new_learner(), 9));
  const auto restored = new_learner();
  EXPECT_EQ(snapshots.load_newest(*restored, 7).version, 5u);
  EXPECT_EQ(snapshots.load_newest(*restored, 100).version, 5u)
      << "set aside for good: rows of the same numbers will be other rows";
}

TEST(Snapshots, OnlyTheNewestAreKeptAndTheOldestOfThemIsKnown) {
  const test::TempDir dir;
  Snapshots snapshots(dir.path(), "auto", "f", 2);
  for (const std::uint64_t version : {1, 2, 30, 4}) {
    ASSERT_TRUE(snapshots.save(*new_learner(), version));
  }
  ASSERT_EQ(snapshots.list().size(), 2u);
  EXPECT_EQ(snapshots.list().front().version, 30u);
  EXPECT_EQ(snapshots.oldest_version(), 4u);
}

TEST(Snapshots, RoutersWithNamesThatBeginAlikeKeepApart) {
  const test::TempDir dir;
  Snapshots one(dir.path(), "auto", "f", 2);
  Snapshots other(dir.path(), "auto-cheap", "f", 2);
  ASSERT_TRUE(other.save(*new_learner(), 7));
  EXPECT_EQ(one.list().size(), 0u);
  EXPECT_EQ(other.list().size(), 1u);
}

TEST(Snapshots, AFolderThatCannotBeWrittenIsAnErrorThatNamesTheFile) {
  Snapshots snapshots("/proc/no-such-folder", "auto", "f", 2);
  const Status saved = snapshots.save(*new_learner(), 1);
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, ErrorCode::io);
  EXPECT_THAT(saved.error().message, HasSubstr("auto-1.snapshot"));
}

}  // namespace
}  // namespace yardmaster::agent
