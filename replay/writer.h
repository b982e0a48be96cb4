#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "replay/database.h"
#include "replay/health.h"
#include "replay/ledger.h"
#include "replay/retention.h"
#include "replay/syncer.h"
#include "replay/task_queue.h"
#include "replay/text_eraser.h"

namespace yardmaster::replay {

/// The thread that takes all that is queued, puts it with its joins into one atomic write, and
/// says so to those who appended it (group commit). About once a second it also ends reward
/// windows, removes what retention lets go, and after a failure tries to write again.
class Writer {
 public:
  struct Options {
    RetentionLimits retention;
    Clock clock;
    std::size_t max_queued_records;
    std::size_t max_queued_bytes;
  };

  /// `ledger` has been loaded. `database`, `syncer` and `health` outlive the writer.
  Writer(Database& database, Ledger ledger, Syncer& syncer, Health& health, Options options);

  /// Finishes what is queued and ends the thread.
  ~Writer();

  /// Any thread. Where the queue is full the task is refused at once.
  void submit(Task task);

  void hold() { queue_.hold(); }
  void release() { queue_.release(); }

  Counters counters() const;
  std::size_t queued() const { return queue_.size(); }

  void keep_rows_after(std::uint64_t version) { keep_rows_after_ = version; }
  void on_rows(std::function<void(std::uint64_t)> callback);

 private:
  /// What a turn owes to those who appended, once it is written.
  struct Owed {
    std::vector<std::pair<Store::Done, Status>> logged;  ///< due when written
    std::vector<Syncer::Completion> synced;              ///< due when synced
  };

  void run();
  void run_turns(std::vector<Task>& tasks);
  std::size_t run_turn(std::vector<Task>& tasks, std::size_t from);
  void apply(Turn& turn, Task& task, Owed& owed);
  void keep_house(Turn& turn);
  Status commit(Turn& turn);
  void settle(Owed& owed, const Status& written);
  void end_housekeeping(const Status& status);
  void erase_texts();
  void note_erased_texts();
  void fail_with(const Error& error);
  void revive();

  Database& database_;
  Ledger ledger_;
  Syncer& syncer_;
  Health& health_;
  Options options_;
  TaskQueue queue_;
  TextEraser eraser_;

  // The thread's own.
  bool housekeeping_ = false;  ///< a pass over windows and retention is under way
  bool removed_ = false;       ///< and has removed something
  Status house_status_;        ///< what went wrong in the pass
  std::vector<Store::Done> ticks_;
  std::chrono::steady_clock::time_point next_pass_;
  std::chrono::steady_clock::time_point next_erasure_;
  std::size_t unsynced_bytes_ = 0;  ///< written since a sync was asked for

  std::atomic<std::uint64_t> keep_rows_after_{0};
  mutable std::mutex published_mutex_;
  Counters published_;
  std::function<void(std::uint64_t)> on_rows_;

  std::thread thread_;
};

}  // namespace yardmaster::replay
