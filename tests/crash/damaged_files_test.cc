// Files that lost their end or a bit: the store opens with all that it can vouch for, or it
// refuses and says what to do. It never loses something from the middle in silence.

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <memory>
#include <mutex>

#include "tests/common/temp_dir.h"
#include "tests/crash/rounds.h"
#include "tests/crash/store_checker.h"

namespace yardmaster {
namespace {

namespace fs = std::filesystem;

constexpr int kRounds = 120;
constexpr std::uint64_t kDecisions = 1500;

enum class Damage { flipped_bit, cut_short, zeroed };

class DamagedFiles : public testing::Test {
 protected:
  /// A store with tables, unless it is of few decisions, and a log that has not become one. What
  /// `options` do not keep is removed.
  static void make_store(const replay::StoreOptions& options,
                         std::uint64_t decisions = kDecisions) {
    auto store = replay::Store::open(options, crash::objective());
    ASSERT_TRUE(store) << store.error().message;
    (*store)->keep_rows_after(decisions);
    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t stored = 0;
    for (std::uint64_t n = 1; n <= decisions; ++n) {
      (*store)->append_decision(crash::decision(n), [](const Status&) {});
      (*store)->append_outcome(crash::decision_id(n), crash::outcome(n), "", [](const Status&) {});
      (*store)->append_feedback({crash::feedback(n)}, [&](const auto&) {
        const std::lock_guard lock(mutex);
        ++stored;
        changed.notify_one();
      });
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return n - stored < 100; });
    }
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return stored == decisions; });
    lock.unlock();
    ASSERT_TRUE((*store)->tick());
  }
  void make_store() { make_store(crash::store_options(sound_)); }

  void copy_sound() {
    fs::remove_all(copy_);
    fs::copy(sound_, copy_);
  }

  static std::vector<fs::path> files_of(const fs::path& directory) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(directory)) {
      const std::string name = entry.path().filename().string();
      const bool matters = name.ends_with(".log") || name.ends_with(".sst") ||
                           name.starts_with("MANIFEST") || name == "CURRENT";
      if (matters && entry.file_size() > 0) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  static void damage_file(const fs::path& file, Damage damage, Rng& rng) {
    const std::uint64_t size = fs::file_size(file);
    const std::uint64_t at = rng.below(size);
    if (damage == Damage::cut_short) return fs::resize_file(file, at);
    std::fstream bytes(file, std::ios::binary | std::ios::in | std::ios::out);
    bytes.seekg(static_cast<std::streamoff>(at));
    if (damage == Damage::flipped_bit) {
      const auto bit = static_cast<char>(1u << rng.below(8));
      const auto byte = static_cast<char>(bytes.get() ^ bit);
      bytes.seekp(static_cast<std::streamoff>(at));
      bytes.put(byte);
    } else {
      const std::string zeros(std::min<std::uint64_t>(4096, size - at), '\0');
      bytes.write(zeros.data(), static_cast<std::streamsize>(zeros.size()));
    }
  }

  static bool told_what_to_do(const Error& error) {
    const auto says = [&](const char* what) {
      return error.message.find(what) != std::string::npos;
    };
    return says("; restore a backup") || says("; check ") || says("; use another data_dir");
  }

  /// The copy, or nullptr where it is refused, which says what to do and leaves all files there.
  std::unique_ptr<replay::Store> open_copy() const {
    const std::vector<fs::path> files = files_of(copy_);
    auto store = replay::Store::open(crash::store_options(copy_), crash::objective());
    if (store) return std::move(*store);
    EXPECT_TRUE(told_what_to_do(store.error())) << store.error().message;
    for (const fs::path& file : files) EXPECT_TRUE(fs::exists(file)) << file;
    return nullptr;
  }

  /// Whether the copy could be read as a whole; what it holds is then checked. A log that lost its
  /// end is as a crash leaves it: what is there must be all up to some moment.
  bool check(bool lost_end, std::uint64_t expected = kDecisions) const {
    std::unique_ptr<replay::Store> store = open_copy();
    if (store == nullptr) return false;
    std::uint64_t decisions = 0;
    bool missing = false;
    const Status read = store->for_each_decision(1, [&](const DecisionRecord& record) {
      EXPECT_EQ(record.decision, crash::decision(++decisions));
      const bool whole = record.outcome && record.feedback.size() == 1;
      EXPECT_FALSE(missing && record.outcome) << "a hole before decision " << decisions;
      missing = missing || !whole;
      return true;
    });
    if (!read) {
      EXPECT_TRUE(told_what_to_do(read.error())) << read.error().message;
      return false;
    }
    EXPECT_TRUE(lost_end || (decisions == expected && !missing))
        << decisions << " decisions are left of " << expected << ", and nothing said so";
    store.reset();
    const Status verified = replay::verify(copy_);
    EXPECT_TRUE(verified || told_what_to_do(verified.error())) << verified.error().message;
    return verified.has_value();
  }

  const test::TempDir dir_;
  const fs::path sound_ = dir_.path() / "sound", copy_ = dir_.path() / "copy";
};

TEST_F(DamagedFiles, AreNoticedOrHarmNothing) {
  const std::uint64_t seed = crash::seed(2026);
  Rng rng(seed);
  ASSERT_NO_FATAL_FAILURE(make_store());
  int noticed = 0;
  const int rounds = crash::rounds(kRounds);
  for (int round = 0; round < rounds && !HasFailure(); ++round) {
    copy_sound();
    const std::vector<fs::path> files = files_of(copy_);
    const fs::path file = files[rng.below(files.size())];
    const auto damage = static_cast<Damage>(rng.below(3));
    SCOPED_TRACE("seed " + std::to_string(seed) + ", round " + std::to_string(round) + ": " +
                 file.filename().string() + ", damage " + std::to_string(static_cast<int>(damage)));
    damage_file(file, damage, rng);
    // Zeros may be a log's end too: they are what files have where nothing was written yet.
    const bool lost_end = file.extension() == ".log" && damage != Damage::flipped_bit;
    if (!check(lost_end)) ++noticed;
  }
  EXPECT_GT(noticed, rounds / 4) << "damage that is never noticed was none";
}

enum class State { tables_and_log, tables_alone, log_alone, some_removed };

class DamagedManifest : public DamagedFiles, public testing::WithParamInterface<State> {
 protected:
  void SetUp() override {
    replay::StoreOptions options = crash::store_options(sound_);
    if (GetParam() == State::log_alone) decisions_ = 20;
    if (GetParam() == State::some_removed) {
      options.reward_window = std::chrono::hours(1);
      options.max_bytes = 200'000;
    }
    ASSERT_NO_FATAL_FAILURE(make_store(options, decisions_));
    if (GetParam() == State::tables_alone) make_store(options, 0);
    if (GetParam() == State::some_removed) {
      EXPECT_GT((*replay::Store::open_read_only(sound_))->stats().first_decision, 1u);
    }
  }

  /// Whether the store that opens is the sound one. Once something was removed, only that no
  /// decision is missing: nothing counts their feedback any more.
  bool is_whole() const {
    if (GetParam() != State::some_removed) return check(false, decisions_);
    const auto store = open_copy();
    if (store == nullptr) return false;
    std::uint64_t decisions = store->stats().first_decision - 1;
    const Status read = store->for_each_decision(1, [&](const DecisionRecord& record) {
      EXPECT_EQ(record.decision, crash::decision(++decisions));
      return true;
    });
    EXPECT_TRUE(!read || decisions == kDecisions) << decisions << ", and nothing said so";
    return read.has_value();
  }

  std::uint64_t decisions_ = kDecisions;
};

TEST_P(DamagedManifest, ThatLostItsEndIsNoticedAndNothingIsRemoved) {
  constexpr std::uint64_t kCuts = 30;
  int noticed = 0;
  for (std::uint64_t cut = 0; cut < kCuts && !HasFailure(); ++cut) {
    SCOPED_TRACE("cut " + std::to_string(cut));
    copy_sound();
    for (const fs::path& file : files_of(copy_)) {
      if (!file.filename().string().starts_with("MANIFEST")) continue;
      fs::resize_file(file, fs::file_size(file) * cut / kCuts);
    }
    if (!is_whole()) ++noticed;
  }
  EXPECT_GT(noticed, 10);
}

TEST_P(DamagedManifest, ThatIsNamedNowhereIsNoticedAgainAndAgain) {
  copy_sound();
  fs::remove(copy_ / "CURRENT");
  for (int start = 0; start < 3; ++start) EXPECT_EQ(open_copy(), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Of, DamagedManifest,
                         testing::Values(State::tables_and_log, State::tables_alone,
                                         State::log_alone, State::some_removed),
                         [](const auto& state) -> std::string {
                           switch (state.param) {
                             case State::tables_and_log:
                               return "TablesAndLog";
                             case State::tables_alone:
                               return "TablesAlone";
                             case State::log_alone:
                               return "LogAlone";
                             default:
                               return "SomeRemoved";
                           }
                         });

TEST_F(DamagedFiles, ALogWhoseEndWasNeverWrittenIsTakenUpToThere) {
  const std::uint64_t seed = crash::seed(7);
  Rng rng(seed);
  ASSERT_NO_FATAL_FAILURE(make_store());
  for (int round = 0; round < 20 && !HasFailure(); ++round) {
    copy_sound();
    fs::path log;
    for (const fs::path& file : files_of(copy_)) {
      if (file.extension() == ".log") log = file;
    }
    ASSERT_FALSE(log.empty());
    // As a power cut leaves a file whose length was written before its last sectors.
    const std::uint64_t size = fs::file_size(log);
    const std::uint64_t from = rng.below(size) / 512 * 512;
    SCOPED_TRACE("seed " + std::to_string(seed) + ": zeros from " + std::to_string(from));
    std::fstream bytes(log, std::ios::binary | std::ios::in | std::ios::out);
    bytes.seekp(static_cast<std::streamoff>(from));
    const std::string zeros(size - from, '\0');
    bytes.write(zeros.data(), static_cast<std::streamsize>(zeros.size()));
    bytes.close();
    EXPECT_TRUE(check(true));
  }
}

}  // namespace
}  // namespace yardmaster
