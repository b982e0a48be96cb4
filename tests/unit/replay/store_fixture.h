#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "replay/store.h"
#include "tests/common/background_work.h"

namespace yardmaster::replay {

/// A directory of its own, removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "replay-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A clock that stands still until a test moves it. Any thread.
class ManualClock {
 public:
  Timestamp now() const { return Timestamp(std::chrono::microseconds(micros_.load())); }
  void advance(std::chrono::microseconds by) { micros_ += by.count(); }
  Clock clock() {
    return [this] { return now(); };
  }

 private:
  std::atomic<std::int64_t> micros_{1'767'225'600'000'000};  // 2026-01-01
};

inline env::MetricSpec metric(std::string name) {
  env::MetricSpec spec;
  spec.name = std::move(name);
  return spec;
}

/// The objective of the config's default: one metric, "quality", from 0 to 1.
inline env::QualityObjective quality_objective() {
  return *env::QualityObjective::make({metric("quality")}, {});
}

/// Opens a real store in a directory of its own; its calls wait for their completion.
class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    options_.directory = directory_.path() / "replay";
    options_.reward_window = std::chrono::hours(1);
    options_.clock = clock_.clock();
    options_.write_buffer_bytes = 64u << 10;  // so that flushes and compactions do happen
  }

  void open() {
    store_.reset();
    auto opened = Store::open(options_, objective_);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }

  /// Model "a" (of "a" and "b") is chosen with .75, estimated at 2 milli-dollars.
  Decision decision(std::string session = "") {
    Decision out;
    out.id = DecisionId::make(clock_.now(), rng_);
    out.time = clock_.now();
    out.router = "auto";
    out.session_id = std::move(session);
    out.features = {"hash", 1, {1.5F, -2.25F}};
    out.candidates = {"a", "b"};
    out.propensities = {0.75, 0.25};
    out.chosen = 0;
    out.policy_version = 7;
    out.price_reference = 0.004;
    out.estimated_cost_usd = 0.002;
    return out;
  }

  Outcome outcome(double cost_usd = 0.001) {
    Outcome out;
    out.time = clock_.now();
    out.latency_s = 0.5;
    out.input_tokens = 100;
    out.output_tokens = 20;
    out.cost_usd = cost_usd;
    return out;
  }

  Feedback feedback(double value, std::string metric_name = "quality", std::string judge = "") {
    Feedback out;
    out.metric = std::move(metric_name);
    out.value = value;
    out.time = clock_.now();
    out.judge = std::move(judge);
    return out;
  }

  FeedbackItem about(FeedbackTarget::Kind kind, std::string id, Feedback value) {
    FeedbackItem item;
    item.target.kind = kind;
    item.target.id = std::move(id);
    item.feedback = std::move(value);
    return item;
  }

  FeedbackItem on(const DecisionId& id, Feedback value) {
    return about(FeedbackTarget::Kind::decision, id.str(), std::move(value));
  }

  /// Waits until RocksDB does not flush or compact.
  bool background_work_ends() { return test::ends(store_->background_work()); }

  Status append(Decision value) {
    return wait([&](Store::Done done) { store_->append_decision(std::move(value), done); });
  }

  /// Appends a new decision and gives its id.
  DecisionId decide(std::string session = "") {
    Decision made = decision(std::move(session));
    const DecisionId id = made.id;
    const Status appended = append(std::move(made));
    EXPECT_TRUE(appended) << appended.error().message;
    return id;
  }

  Status report(const DecisionId& id, Outcome value, std::string response_id = "") {
    return wait([&](Store::Done done) {
      store_->append_outcome(id, std::move(value), std::move(response_id), done);
    });
  }

  FeedbackResult send(FeedbackItem item) {
    std::promise<std::vector<FeedbackResult>> promise;
    store_->append_feedback({std::move(item)}, [&](std::vector<FeedbackResult> results) {
      promise.set_value(std::move(results));
    });
    const auto results = promise.get_future().get();
    EXPECT_EQ(results.size(), 1u);
    return results.front();
  }

  /// Sends a value for a decision and expects that it is stored.
  void judge(const DecisionId& id, double value, std::string metric_name = "quality",
             std::string judge_name = "") {
    const auto result =
        send(on(id, feedback(value, std::move(metric_name), std::move(judge_name))));
    EXPECT_EQ(result.state, FeedbackResult::State::stored)
        << (result.error ? result.error->message : "");
  }

  Status append_rows(std::vector<TrainingRow> rows) {
    return wait([&](Store::Done done) { store_->append_rows(std::move(rows), done); });
  }

  Status import(DecisionRecord record) {
    return wait([&](Store::Done done) { store_->import_record(std::move(record), done); });
  }

  void tick() {
    const Status status = store_->tick();
    EXPECT_TRUE(status) << status.error().message;
  }

  std::vector<TrainingRow> rows(std::uint64_t after = 0) {
    auto read = store_->rows_after(after, 1'000'000);
    EXPECT_TRUE(read) << read.error().message;
    return read ? *read : std::vector<TrainingRow>();
  }

  template <class Start>
  Status wait(Start start) {
    std::promise<Status> promise;
    start([&promise](Status status) { promise.set_value(std::move(status)); });
    return promise.get_future().get();
  }

  TemporaryDirectory directory_;
  ManualClock clock_;
  Rng rng_{1};
  env::QualityObjective objective_ = quality_objective();
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

}  // namespace yardmaster::replay
