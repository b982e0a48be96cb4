#include "agent/learner_thread.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/failpoint.h"
#include "base/this_thread.h"

namespace yardmaster::agent {
namespace {

/// Small, so that pausing, stopping and publishing never wait long.
constexpr std::size_t kRowsAtOnce = 256;
constexpr int kLowestPriority = 19;

SuccessorStatus describe(const Succession& succession) {
  const LearnerStatus learner = succession.learner().status();
  const EncoderTrial::Figures figures = succession.figures();
  SuccessorStatus out;
  out.encoder = succession.state().successor->name;
  out.encoder_version = learner.encoder_version;
  out.version = learner.version;
  out.learned = learner.learned;
  out.passed_over = learner.passed_over;
  out.failed = learner.failed;
  out.last_error = learner.last_error;
  out.trial_rows = succession.trial_rows();
  out.compared = figures.rows;
  out.difference = figures.difference;
  out.lower_bound = figures.lower_bound;
  return out;
}

}  // namespace

LearnerThread::LearnerThread(std::vector<std::unique_ptr<RouterLearner>> learners,
                             std::vector<PolicySlot*> slots, replay::Store& store,
                             LearnerThreadOptions options,
                             std::vector<std::unique_ptr<Succession>> successions)
    : learners_(std::move(learners)),
      successions_(std::move(successions)),
      slots_(std::move(slots)),
      store_(store),
      options_(options) {
  successions_.resize(learners_.size());
  std::uint64_t lowest = learners_.empty() ? 0 : learners_.front()->version();
  for (const auto& learner : learners_) {
    published_.push_back(learner->served_version());
    lowest = std::min(lowest, learner->version());
  }
  version_.store(lowest, std::memory_order_relaxed);
  paused_ = options_.paused;
  last_save_ = std::chrono::steady_clock::now();
  start();
}

LearnerThread::~LearnerThread() { stop(); }

void LearnerThread::start() {
  if (thread_.joinable()) return;
  const std::lock_guard alone(taskless_);
  {
    const std::lock_guard lock(mutex_);
    stopping_ = stopped_ = false;
    rows_waiting_ = true;
  }
  keep_rows();
  store_.on_rows([this](std::uint64_t) {
    const std::lock_guard lock(mutex_);
    if (rows_waiting_) return;
    rows_waiting_ = true;
    wake_up();
  });
  thread_ = std::thread([this] { run(); });
}

void LearnerThread::stop() {
  if (!thread_.joinable()) return;
  store_.on_rows(nullptr);
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_up();
  }
  thread_.join();
  std::vector<std::function<void()>> left;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    work_.reset();
    left = std::exchange(tasks_, {});
  }
  const std::lock_guard alone(taskless_);
  for (const auto& task : left) task();
}

void LearnerThread::pause() {
  const std::lock_guard lock(mutex_);
  paused_ = true;
}

void LearnerThread::resume() {
  const std::lock_guard lock(mutex_);
  paused_ = false;
  rows_waiting_ = true;  // those that came meanwhile
  wake_up();
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
    for (std::size_t i = 0; i < learners_.size(); ++i) {
      all.push_back(serving(i).status());
      if (const Succession* next = pending(i)) all.back().successor = describe(*next);
    }
    done(std::move(all));
  });
}

/// The index of a router whose encoder is not being changed.
Result<std::size_t> LearnerThread::find_settled(const std::string& router) const {
  for (std::size_t i = 0; i < learners_.size(); ++i) {
    if (!router.empty() && learners_[i]->router() != router) continue;
    if (pending(i) == nullptr) return i;
    return fail(ErrorCode::unavailable,
                "the encoder of router '" + learners_[i]->router() +
                    "' is being changed; wait until it is, or set the old one in the config");
  }
  return fail(ErrorCode::not_found,
              "there is no router '" + router + "'; GET /v1/models lists them");
}

void LearnerThread::roll_back(std::string router, std::uint64_t version,
                              std::function<void(Result<std::uint64_t>)> done) {
  post([this, router = std::move(router), version, done = std::move(done)] {
    const auto index = find_settled(router);
    if (!index) return done(fail(index.error()));
    if (Status pinned = serving(*index).roll_back(version); !pinned) {
      return done(fail(pinned.error()));
    }
    publish(*index);
    spdlog::warn("router {}: rolled back to version {}, which serves until a promotion",
                 serving(*index).router(), version);
    done(version);
  });
}

void LearnerThread::promote(std::string router, std::function<void(Result<std::uint64_t>)> done) {
  post([this, router = std::move(router), done = std::move(done)] {
    const auto index = find_settled(router);
    if (!index) return done(fail(index.error()));
    serving(*index).promote();
    publish(*index);
    spdlog::info("router {}: the newest version, {}, serves", serving(*index).router(),
                 serving(*index).version());
    done(serving(*index).version());
  });
}

RouterLearner& LearnerThread::serving(std::size_t router) const {
  Succession* next = successions_[router].get();
  return next != nullptr && next->took_over() ? next->learner() : *learners_[router];
}

/// The succession of a router that has not happened yet, or nullptr.
Succession* LearnerThread::pending(std::size_t router) const {
  Succession* next = successions_[router].get();
  return next != nullptr && !next->took_over() ? next : nullptr;
}

std::vector<const RouterLearner*> LearnerThread::learners() const {
  std::vector<const RouterLearner*> out;
  for (std::size_t i = 0; i < learners_.size(); ++i) out.push_back(&serving(i));
  return out;
}

std::vector<const Succession*> LearnerThread::successions() const {
  std::vector<const Succession*> out;
  for (const auto& each : successions_) {
    if (each != nullptr) out.push_back(each.get());
  }
  return out;
}

void LearnerThread::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      tasks_.push_back(std::move(task));
      wake_up();
      return;
    }
  }
  const std::lock_guard alone(taskless_);
  task();
}

void LearnerThread::run() {
  name_this_thread("learner");
  if (!be_nice(kLowestPriority)) {
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
    failpoint("learner.learned");
    publish_if_due();
    failpoint("learner.published");
    save_if_due();
    if (more) {
      const std::lock_guard lock(mutex_);
      rows_waiting_ = true;
    }
  }
  if (Status saved = save_all(); !saved) spdlog::error("learner: {}", saved.error().message);
}

/// Under the mutex.
bool LearnerThread::has_work() const {
  return stopping_ || !tasks_.empty() || (rows_waiting_ && !paused_);
}

/// Says that there is work, before the thread that is to do it gets a processor. Under the mutex.
void LearnerThread::wake_up() {
  if (!work_ && !stopped_ && has_work()) work_.emplace(store_.background_work());
  wake_.notify_one();
}

/// Sleeps until there are rows, tasks, something to publish, or the end; returns the tasks.
std::vector<std::function<void()>> LearnerThread::wait_for_work() {
  std::unique_lock lock(mutex_);
  bool unpublished = false;
  for (std::size_t i = 0; i < learners_.size(); ++i) {
    unpublished = unpublished || published_[i] != serving(i).served_version();
  }
  const auto until = unpublished ? last_publish_ + options_.publish_interval
                                 : std::chrono::steady_clock::now() + options_.snapshot_interval;
  wake_.wait_until(lock, until, [&] {
    if (has_work()) return true;
    work_.reset();
    return false;
  });
  if (!work_) work_.emplace(store_.background_work());  // such as to publish or save
  if (!paused_) rows_waiting_ = false;
  return std::exchange(tasks_, {});
}

/// Learns one block of rows; true if there may be more.
bool LearnerThread::learn_some() {
  bool more = false;
  for (std::size_t i = 0; i < learners_.size(); ++i) more = advance_succession(i) || more;
  std::uint64_t after = ~std::uint64_t{0};
  for (std::size_t i = 0; i < learners_.size(); ++i) {
    if (!serving(i).failed()) after = std::min(after, serving(i).version());
  }
  if (after == ~std::uint64_t{0}) return more;
  const auto rows = store_.rows_after(after, kRowsAtOnce);
  if (!rows) {
    spdlog::error("learner: training rows cannot be read: {}", rows.error().message);
    return false;
  }
  for (std::size_t i = 0; i < learners_.size(); ++i) learn_rows(i, *rows);
  rows_since_save_ += rows->size();
  version_.store(rows->empty() ? after : rows->back().sequence, std::memory_order_relaxed);
  return more || rows->size() == kRowsAtOnce;
}

void LearnerThread::learn_rows(std::size_t router, std::span<const TrainingRow> rows) {
  RouterLearner& learner = serving(router);
  Succession* next = pending(router);
  const bool was_failed = learner.failed();
  const std::uint64_t refused_before = learner.refused();
  if (next != nullptr && next->learner().version() == learner.version()) {
    next->learn_both(learner, rows, store_);
  } else {
    learner.learn(rows);
  }
  if (const std::uint64_t refused = learner.refused() - refused_before; refused > 0) {
    spdlog::warn("learner of router {}: rows refused: {}; {}", learner.router(), refused,
                 learner.status().last_error);
  }
  if (!was_failed && learner.failed()) {
    spdlog::error("learner of router {}: {}", learner.router(), learner.status().last_error);
  }
  // At once and not with the next rows, which may be long in coming.
  if (next != nullptr && next->ready(learner)) advance_succession(router);
}

/// Teaches a successor what it lacks, or lets it take over; true if it lacks more.
bool LearnerThread::advance_succession(std::size_t router) {
  Succession* next = pending(router);
  if (next == nullptr) return false;
  const RouterLearner& now = *learners_[router];
  const auto more = next->catch_up(store_, now.failed() ? store_.stats().rows : now.version());
  if (!more) spdlog::error("learner: {}", more.error().message);
  if (!next->ready(now)) return more.value_or(false);
  const EncoderTrial::Figures figures = next->figures();
  const EncoderState before = next->state();
  if (Status done = next->take_over(); !done) {
    spdlog::error("router {}: the encoder {} cannot take over yet: {}", next->router(),
                  before.successor->name, done.error().message);
    return false;
  }
  published_[router] = ~std::uint64_t{0};  // whatever its version, it is another policy
  spdlog::info(
      "router {}: the encoder {} takes over from {}: over {} decisions its policy's mean reward is "
      "{:+.4f} from the old one's, at least {:+.4f} with 95% confidence",
      next->router(), before.successor->name, before.serving.name, figures.rows, figures.difference,
      figures.lower_bound);
  return false;
}

void LearnerThread::publish_if_due() {
  const auto now = std::chrono::steady_clock::now();
  if (now < last_publish_ + options_.publish_interval) return;
  for (std::size_t i = 0; i < learners_.size(); ++i) {
    if (published_[i] == serving(i).served_version()) continue;
    publish(i);
    last_publish_ = now;
  }
}

void LearnerThread::publish(std::size_t router) {
  auto policy = serving(router).publish();
  if (policy) {
    policy->successor = &serving(router) != learners_[router].get();
    slots_[router]->publish(std::move(*policy));
  } else {
    spdlog::error("learner: {}", policy.error().message);
  }
  published_[router] = serving(router).served_version();
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
  for (std::size_t i = 0; i < learners_.size(); ++i) {
    if (Status saved = serving(i).save(); !saved) result = saved;
    if (pending(i) == nullptr) continue;
    if (Status saved = pending(i)->save(); !saved) result = saved;
  }
  keep_rows();
  return result;
}

void LearnerThread::keep_rows() {
  std::uint64_t oldest = ~std::uint64_t{0};
  for (std::size_t i = 0; i < learners_.size(); ++i) {
    oldest = std::min(oldest, serving(i).oldest_snapshot());
    if (pending(i) != nullptr) oldest = std::min(oldest, pending(i)->learner().oldest_snapshot());
  }
  if (!learners_.empty()) store_.keep_rows_after(oldest);
}

}  // namespace yardmaster::agent
