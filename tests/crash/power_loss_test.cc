// Power cuts: what was synced is there afterwards, what was not may be gone, and nothing else.

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <sstream>

#include "agent/learning.h"
#include "tests/common/power_loss_disk.h"
#include "tests/common/temp_dir.h"
#include "tests/crash/rounds.h"
#include "tests/crash/store_checker.h"

namespace yardmaster {
namespace {

constexpr int kCuts = 12;
constexpr int kRoundsAStore = 30;
constexpr std::size_t kUnderWay = 64;

/// What the store said of the workload, from its threads.
class Ledger {
 public:
  void acknowledge(const char* what, std::uint64_t n, bool stored) {
    const std::lock_guard lock(mutex_);
    if (stored) acknowledged_[what].insert(n);
    --open_;
    changed_.notify_all();
  }

  /// Counts what is appended next, once no more than `most` is under way.
  void wait_for_room(std::size_t appends, std::size_t most) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_ <= most; });
    open_ += appends;
  }

  crash::Acknowledged acknowledged() {
    const std::lock_guard lock(mutex_);
    return acknowledged_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t open_ = 0;
  crash::Acknowledged acknowledged_;
};

void append(replay::Store& store, Ledger& ledger, std::uint64_t n) {
  ledger.wait_for_room(3, kUnderWay);
  const auto told = [&ledger, n](const char* what) {
    return [&ledger, n, what](const Status& status) {
      ledger.acknowledge(what, n, status.has_value());
    };
  };
  store.append_decision(crash::decision(n), told("decision"));
  store.append_outcome(crash::decision_id(n), crash::outcome(n), "response-" + std::to_string(n),
                       told("outcome"));
  store.append_feedback(
      {crash::feedback(n)}, [&ledger, n](const std::vector<replay::FeedbackResult>& results) {
        ledger.acknowledge("feedback", n,
                           results.front().state == replay::FeedbackResult::State::stored);
      });
}

class PowerLoss : public testing::Test {
 protected:
  std::unique_ptr<agent::RouterLearner> new_learner(const char* snapshots) const {
    agent::LearningSpec spec;
    spec.router = "auto";
    spec.policy = "lints";
    spec.encoder = "static";
    spec.encoder_version = 1;
    spec.options.dimension = crash::decision(1).features.values.size();
    spec.options.models = {"a", "b"};
    return std::move(*agent::RouterLearner::make(spec, dir_.path() / snapshots, 3));
  }

  static void learn_all(agent::RouterLearner& learner, const replay::Store& store) {
    const auto rows = store.rows_after(learner.version(), SIZE_MAX);
    ASSERT_TRUE(rows);
    learner.learn(*rows);
  }

  static std::string state_of(const agent::RouterLearner& learner) {
    std::ostringstream out;
    EXPECT_TRUE(learner.learner().save(out));
    return out.str();
  }

  /// Works on the store until the power is cut at a random moment.
  void work_until_cut(Rng& rng) {
    const auto disk = std::make_shared<test::PowerLossDisk>(rng());
    const auto env = rocksdb::NewCompositeEnv(disk);
    replay::StoreOptions options = crash::store_options(store_);
    options.env = env.get();
    const std::uint64_t cut_at = 1 + rng.below(600);
    const std::uint64_t learned_at = rng.below(600);
    Ledger ledger;
    {
      auto store = replay::Store::open(options, crash::objective());
      ASSERT_TRUE(store) << store.error().message;
      const auto learner = new_learner("snapshots");
      learner->recover(**store);
      for (std::uint64_t i = 0; i < cut_at; ++i) {
        append(**store, ledger, next_++);
        if (i != learned_at) continue;
        // Rows that are not synced yet may be learned, and the snapshot is: it then is of no use.
        learn_all(*learner, **store);
        ASSERT_TRUE(learner->save());
      }
      disk->cut();
      ledger.wait_for_room(0, 0);
    }
    disk->lose();
    const crash::Acknowledged acknowledged = ledger.acknowledged();
    for (const auto& [what, numbers] : acknowledged) {
      if (what == "feedback") synced_[what].insert(numbers.begin(), numbers.end());
    }
  }

  /// Opens what is left, checks it, and learns on.
  void check() {
    auto store = replay::Store::open(crash::store_options(store_), crash::objective());
    ASSERT_TRUE(store) << store.error().message;
    crash::check_acknowledged(**store, synced_);
    const auto recovered = new_learner("snapshots");
    recovered->recover(**store);
    learn_all(*recovered, **store);
    const auto fresh = new_learner("elsewhere");
    learn_all(*fresh, **store);
    EXPECT_EQ(recovered->version(), (*store)->stats().rows);
    EXPECT_EQ(state_of(*recovered), state_of(*fresh));
    store->reset();
    crash::check_closed(store_);
  }

  const test::TempDir dir_;
  const std::filesystem::path store_ = dir_.path() / "store";
  std::uint64_t next_ = 1;
  crash::Acknowledged synced_;
};

TEST_F(PowerLoss, WhatWasSyncedIsThereOnceAndTheLearnerIsAsOneThatLearnedItAll) {
  const std::uint64_t seed = crash::seed(2026);
  SCOPED_TRACE("seed " + std::to_string(seed));
  Rng rng(seed);
  for (int cut = 0; cut < crash::rounds(kCuts) && !HasFailure(); ++cut) {
    if (cut % kRoundsAStore == 0) {
      std::filesystem::remove_all(store_);
      std::filesystem::remove_all(dir_.path() / "snapshots");
      synced_.clear();
    }
    work_until_cut(rng);
    if (!HasFatalFailure()) check();
  }
  EXPECT_GE(synced_["feedback"].size(), 20u);
}

}  // namespace
}  // namespace yardmaster
