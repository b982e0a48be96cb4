#pragma once

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "agent/learning.h"
#include "base/random.h"
#include "tests/common/temp_dir.h"

namespace yardmaster::agent {

inline constexpr std::size_t kDimension = 4;

inline LearningSpec spec(const std::string& policy) {
  LearningSpec spec;
  spec.router = "auto";
  spec.policy = policy;
  spec.encoder = "test";
  spec.encoder_version = 1;
  spec.options.dimension = kDimension;
  spec.options.models = {"a", "b", "c"};
  return spec;
}

inline TrainingRow random_row(Rng& rng) {
  TrainingRow row;
  row.features = {"test", 1, {}};
  for (std::size_t i = 0; i < kDimension; ++i) {
    row.features.values.push_back(static_cast<float>(rng.normal() / 2));
  }
  const std::uint64_t arm = rng.below(3);
  row.outcomes.push_back({std::string(1, static_cast<char>('a' + arm)), 1.0 / 3, 0.001,
                          rng.uniform() < 0.3 + 0.2 * static_cast<double>(arm) ? 1.0 : 0.0,
                          rng.uniform() * 0.01, 1 + rng.uniform()});
  return row;
}

/// A store on disk, with rows put into it as a warm start does.
class LearningTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto objective = env::QualityObjective::make({{"quality"}}, {});
    replay::StoreOptions options;
    options.directory = dir_.path() / "store";
    auto store = replay::Store::open(options, *objective);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
  }

  void append(std::vector<TrainingRow> rows) {
    std::promise<Status> done;
    store_->append_rows(std::move(rows), [&](Status status) { done.set_value(status); });
    const Status appended = done.get_future().get();
    ASSERT_TRUE(appended) << appended.error().message;
  }

  void append_random(std::size_t count) {
    std::vector<TrainingRow> rows;
    for (std::size_t i = 0; i < count; ++i) rows.push_back(random_row(rng_));
    append(std::move(rows));
  }

  std::unique_ptr<RouterLearner> new_learner(const std::string& policy,
                                             const std::string& folder = "snapshots") {
    return std::move(RouterLearner::make(spec(policy), dir_.path() / folder, 3).value());
  }

  void learn_all(RouterLearner& learner) {
    auto rows = store_->rows_after(learner.version(), 100'000);
    ASSERT_TRUE(rows);
    learner.learn(*rows);
  }

  static std::string state_of(const RouterLearner& learner) {
    std::ostringstream out;
    EXPECT_TRUE(learner.learner().save(out));
    return out.str();
  }

  test::TempDir dir_;
  Rng rng_{5};
  std::unique_ptr<replay::Store> store_;
};

}  // namespace yardmaster::agent
