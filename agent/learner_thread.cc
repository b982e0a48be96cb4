#include "agent/learner_thread.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace yardmaster::agent {
namespace {

/// Small, so that pausing, stopping and publishing never wait long.
constexpr std::size_t kRowsAtOnce = 256;
constexpr int kLowestPriority = 19;

}  // namespace

LearnerThread::LearnerThread(std::vector<std::unique_ptr<RouterLearner>> learners,
                             std::vector<PolicySlot*> slots, replay::Store& store,
                             LearnerThreadOptions options)
    : learners_(std::move(learners)), slots_(std::move(slots)), store_(store), options_(options) {
  std::uint64_t lowest = learners_.empty() ? 0 : learners_.front()->version();
  for (const auto& learner : learners_) {
    published_.push_back(learner->version());
    lowest = std::min(lowest, learner->version());
  }
  version_.store(lowest, std::memory_order_relaxed);
  last_save_ = std::chrono::steady_clock::now();
  keep_rows();
  store_.on_rows([this](std::uint64_t) {
    {
      const std::lock_guard lock(mutex_);
      if (rows_waiting_) return;
      rows_waiting_ = true;
    }
    wake_.notify_one();
  });
  thread_ = std::thread([this] { run(); });
}

LearnerThread::~LearnerThread() {
  store_.on_rows(nullptr);
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void LearnerThread::pause() {
  const std::lock_guard lock(mutex_);
  paused_ = true;
}

void LearnerThread::resume() {
  {
    const std::lock_guard lock(mutex_);
    paused_ = false;
    rows_waiting_ = true;  // those that came meanwhile
  }
  wake_.notify_one();
}

bool LearnerThread::paused() const {
  const std::lock_guard lock(mutex_);
  return paused_;
}

void LearnerThread::checkpoint(std::function<void(Status)> done) {
  post([this, done = std::move(done)] { done(save_all()); });
}

void LearnerThread::status(std::function<void(std::vector<LearnerStatus>)> done) {
  post([this, done = std::move(done)] {
    std::vector<LearnerStatus> all;
    for (const auto& learner : learners_) all.push_back(learner->status());
    done(std::move(all));
  });
}

void LearnerThread::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void LearnerThread::run() {
  if (::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kLowestPriority) != 0) {
    spdlog::warn("learner: its priority could not be lowered; it competes with serving");
  }
  for (;;) {
    for (const auto& task : wait_for_work()) task();
    publish_if_due();
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) break;
      if (paused_) continue;
    }
    const bool more = learn_some();
    publish_if_due();
    save_if_due();
    if (more) {
      const std::lock_guard lock(mutex_);
      rows_waiting_ = true;
    }
  }
  if (Status saved = save_all(); !saved) spdlog::error("learner: {}", saved.error().message);
}

/// Sleeps until there are rows, tasks, something to publish, or the end; returns the tasks.
std::vector<std::function<void()>> LearnerThread::wait_for_work() {
  std::unique_lock lock(mutex_);
  const auto ready = [&] { return stopping_ || !tasks_.empty() || (rows_waiting_ && !paused_); };
  bool unpublished = false;
  for (std::size_t i = 0; i < learners_.size(); ++i) {
    unpublished = unpublished || published_[i] != learners_[i]->version();
  }
  const auto until = unpublished ? last_publish_ + options_.publish_interval
                                 : std::chrono::steady_clock::now() + options_.snapshot_interval;
  wake_.wait_until(lock, until, ready);
  if (!paused_) rows_waiting_ = false;
  return std::exchange(tasks_, {});
}

/// Learns one block of rows; true if there may be more.
bool LearnerThread::learn_some() {
  std::uint64_t after = ~std::uint64_t{0};
  for (const auto& learner : learners_) {
    if (!learner->failed()) after = std::min(after, learner->version());
  }
  if (after == ~std::uint64_t{0}) return false;
  const auto rows = store_.rows_after(after, kRowsAtOnce);
  if (!rows) {
    spdlog::error("learner: training rows cannot be read: {}", rows.error().message);
    return false;
  }
  for (const auto& learner : learners_) {
    const bool was_failed = learner->failed();
    learner->learn(*rows);
    if (!was_failed && learner->failed()) {
      spdlog::error("learner of router {}: {}", learner->status().router,
                    learner->status().last_error);
    }
  }
  rows_since_save_ += rows->size();
  version_.store(rows->empty() ? after : rows->back().sequence, std::memory_order_relaxed);
  return rows->size() == kRowsAtOnce;
}

void LearnerThread::publish_if_due() {
  const auto now = std::chrono::steady_clock::now();
  if (now < last_publish_ + options_.publish_interval) return;
  for (std::size_t i = 0; i < learners_.size(); ++i) {
    if (published_[i] == learners_[i]->version()) continue;
    auto policy = learners_[i]->publish();
    if (policy) {
      slots_[i]->publish(std::move(*policy));
    } else {
      spdlog::error("learner: {}", policy.error().message);
    }
    published_[i] = learners_[i]->version();
    last_publish_ = now;
  }
}

void LearnerThread::save_if_due() {
  const auto now = std::chrono::steady_clock::now();
  const bool due = rows_since_save_ >= options_.snapshot_rows ||
                   (rows_since_save_ > 0 && now >= last_save_ + options_.snapshot_interval);
  if (!due) return;
  if (Status saved = save_all(); !saved) spdlog::error("learner: {}", saved.error().message);
}

Status LearnerThread::save_all() {
  last_save_ = std::chrono::steady_clock::now();
  rows_since_save_ = 0;
  Status result;
  for (const auto& learner : learners_) {
    if (Status saved = learner->save(); !saved) result = saved;
  }
  keep_rows();
  return result;
}

void LearnerThread::keep_rows() {
  std::uint64_t oldest = ~std::uint64_t{0};
  for (const auto& learner : learners_) oldest = std::min(oldest, learner->oldest_snapshot());
  if (!learners_.empty()) store_.keep_rows_after(oldest);
}

}  // namespace yardmaster::agent
