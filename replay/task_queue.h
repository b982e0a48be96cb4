#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <variant>
#include <vector>

#include "base/decision.h"
#include "base/training_row.h"
#include "replay/store.h"

namespace yardmaster::replay {

struct AppendDecision {
  std::shared_ptr<const Decision> decision;
  Store::Done done;
};

struct AppendOutcome {
  DecisionId id;
  Outcome outcome;
  std::string response_id;
  Store::Done done;
};

struct AppendFeedback {
  std::vector<FeedbackItem> items;
  Store::FeedbackDone done;
};

struct AppendRows {
  std::vector<TrainingRow> rows;
  Store::Done done;
};

struct ImportRecord {
  DecisionRecord record;
  Store::Done done;
};

struct Tick {
  Store::Done done;
};

using Task =
    std::variant<AppendDecision, AppendOutcome, AppendFeedback, AppendRows, ImportRecord, Tick>;

/// Roughly the memory that a task holds.
std::size_t task_bytes(const Task& task);

/// Tells the one who appended that nothing of it was stored.
void refuse(Task& task, const Error& error);

/// The bounded queue before the writer: many threads push, one takes all there is.
class TaskQueue {
 public:
  TaskQueue(std::size_t max_records, std::size_t max_bytes)
      : max_records_(max_records), max_bytes_(max_bytes) {}

  /// Takes over `task`, or leaves it and says why not: unavailable, full or closed.
  Status push(Task& task);

  /// While someone holds, pushing does not wake the taker; each release() does, which then finds at
  /// once all that was pushed, by others too.
  void hold();
  void release();

  /// Swaps what is queued into `tasks`, which is empty. Waits for something to be there, but
  /// not beyond `until`. False once the queue is closed and empty.
  bool take(std::vector<Task>& tasks, std::chrono::steady_clock::time_point until);

  /// Refuses all further tasks.
  void close();

  std::size_t size() const;

 private:
  std::size_t max_records_;
  std::size_t max_bytes_;

  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::vector<Task> tasks_;
  std::size_t bytes_ = 0;
  std::size_t holds_ = 0;
  bool taker_sleeps_ = false;
  bool closed_ = false;
};

}  // namespace yardmaster::replay
