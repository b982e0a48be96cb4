#include "replay/task_queue.h"

#include <string>
#include <utility>

namespace yardmaster::replay {
namespace {

std::size_t bytes_of(const Features& features) {
  return features.encoder.size() + features.values.size() * sizeof(float);
}

std::size_t bytes_of(const Decision& decision) {
  std::size_t bytes = sizeof decision + decision.key.size() + bytes_of(decision.features) +
                      bytes_of(decision.successor_features);
  if (decision.query) bytes += decision.query->size();
  for (const std::string& model : decision.candidates) bytes += sizeof model + model.size();
  for (const FilteredModel& each : decision.filtered) {
    bytes += sizeof each + each.model.size() + each.reason.size();
  }
  return bytes;
}

std::size_t bytes_of(const Feedback& feedback) {
  return sizeof feedback + feedback.comment.size() + feedback.idempotency_key.size();
}

std::size_t bytes_of(const AppendDecision& task) { return bytes_of(*task.decision); }

std::size_t bytes_of(const AppendOutcome& task) {
  return sizeof task + task.outcome.error.size() + task.response_id.size();
}

std::size_t bytes_of(const AppendFeedback& task) {
  std::size_t bytes = sizeof task;
  for (const FeedbackItem& item : task.items) {
    bytes += bytes_of(item.feedback) + sizeof item.target + item.target.id.size();
  }
  return bytes;
}

std::size_t bytes_of(const AppendRows& task) {
  std::size_t bytes = sizeof task;
  for (const TrainingRow& row : task.rows) {
    bytes += sizeof row + bytes_of(row.features) + row.outcomes.size() * sizeof(ArmOutcome);
  }
  return bytes;
}

std::size_t bytes_of(const ImportRecord& task) {
  std::size_t bytes = sizeof task + bytes_of(task.record.decision);
  for (const Feedback& feedback : task.record.feedback) bytes += bytes_of(feedback);
  return bytes;
}

std::size_t bytes_of(const Tick& task) { return sizeof task; }

}  // namespace

std::size_t task_bytes(const Task& task) {
  return std::visit([](const auto& each) { return bytes_of(each); }, task);
}

void refuse(Task& task, const Error& error) {
  if (auto* feedback = std::get_if<AppendFeedback>(&task)) {
    feedback->done(
        std::vector<FeedbackResult>(feedback->items.size(), {FeedbackResult::State::error, error}));
    return;
  }
  std::visit(
      [&](auto& each) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(each)>, AppendFeedback>) {
          each.done(fail(error));
        }
      },
      task);
}

Status TaskQueue::push(Task& task) {
  const std::size_t bytes = task_bytes(task);
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      return fail(ErrorCode::unavailable, "the replay store is closing; try again later");
    }
    if (tasks_.size() >= max_records_ || (!tasks_.empty() && bytes_ + bytes > max_bytes_)) {
      return fail(ErrorCode::unavailable,
                  "the replay store's queue is full (" + std::to_string(tasks_.size()) +
                      " records, " + std::to_string(bytes_) +
                      " bytes): the disk is slower than the traffic; try again later");
    }
    tasks_.push_back(std::move(task));
    bytes_ += bytes;
    if (holds_ == 0) wake = std::exchange(taker_sleeps_, false);
  }
  if (wake) filled_.notify_one();
  return {};
}

void TaskQueue::hold() {
  const std::lock_guard lock(mutex_);
  ++holds_;
}

void TaskQueue::release() {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    --holds_;
    if (!tasks_.empty()) wake = std::exchange(taker_sleeps_, false);
  }
  if (wake) filled_.notify_one();
}

bool TaskQueue::take(std::vector<Task>& tasks, std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  taker_sleeps_ = true;
  filled_.wait_until(lock, until, [this] { return closed_ || !tasks_.empty(); });
  taker_sleeps_ = false;
  tasks.swap(tasks_);
  bytes_ = 0;
  return !closed_ || !tasks.empty();
}

void TaskQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  filled_.notify_one();
}

std::size_t TaskQueue::size() const {
  const std::lock_guard lock(mutex_);
  return tasks_.size();
}

}  // namespace yardmaster::replay
