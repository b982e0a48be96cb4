#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "agent/learning.h"
#include "agent/policy_slot.h"
#include "agent/succession.h"
#include "base/background_work.h"
#include "replay/store.h"

namespace yardmaster::agent {

/// How eagerly the learner thread works.
struct LearnerThreadOptions {
  std::chrono::milliseconds publish_interval{20};  ///< shortest time between two policies served
  std::chrono::milliseconds snapshot_interval{60'000};  ///< between snapshots on disk, if rows came
  std::uint64_t snapshot_rows = 10'000;                 ///< or so many rows, whichever is first
  bool paused = false;                                  ///< at the start
};

/// The one thread that learns, at the scheduler's lowest priority: reads the store's new rows,
/// updates the learners, publishes their policies, saves snapshots. Whatever goes wrong here, the
/// last published policies keep serving; status() and the log say what did.
class LearnerThread {
 public:
  /// `learners` and `slots` correspond, and so do `successions`, if there are any: nullptr where
  /// the router's encoder does not change. Slots and store outlive this.
  LearnerThread(std::vector<std::unique_ptr<RouterLearner>> learners,
                std::vector<PolicySlot*> slots, replay::Store& store, LearnerThreadOptions options,
                std::vector<std::unique_ptr<Succession>> successions = {});

  ~LearnerThread();

  /// Ends the thread after the rows at hand, with a last snapshot; what is published keeps serving.
  /// Afterwards checkpoint(), status() and the like are done on the caller's thread. Both are safe
  /// to repeat, by one thread at a time.
  void stop();
  void start();

  LearnerThread(const LearnerThread&) = delete;
  LearnerThread& operator=(const LearnerThread&) = delete;

  // Any thread.

  void pause();
  void resume();
  bool paused() const;

  /// Saves a snapshot of every router now. `done` is called on the learner thread.
  void checkpoint(std::function<void(Status)> done);

  /// `done` gets the status of every router, on the learner thread.
  void status(std::function<void(std::vector<LearnerStatus>)> done);

  /// Serves a router's snapshot of that version, or its newest state again; learning goes on in
  /// either case. The first router where `router` is empty. `done` is called on the learner thread,
  /// once the policy is served, with its version. Fails with not_found on an unknown router or
  /// version, with unavailable while the router's encoder changes.
  void roll_back(std::string router, std::uint64_t version,
                 std::function<void(Result<std::uint64_t>)> done);
  void promote(std::string router, std::function<void(Result<std::uint64_t>)> done);

  /// The learners that serve, for those of their methods that any thread may call.
  std::vector<const RouterLearner*> learners() const;

  /// The changes of encoders under way or made since the start, for the same.
  std::vector<const Succession*> successions() const;

  /// The lowest version over all routers, for lag metrics.
  std::uint64_t version() const { return version_.load(std::memory_order_relaxed); }

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  void run();
  bool has_work() const;
  void wake_up();
  void post(std::function<void()> task);
  std::vector<std::function<void()>> wait_for_work();
  bool learn_some();
  void learn_rows(std::size_t router, std::span<const TrainingRow> rows);
  bool advance_succession(std::size_t router);
  RouterLearner& serving(std::size_t router) const;
  Result<std::size_t> find_settled(const std::string& router) const;
  void publish(std::size_t router);
  Succession* pending(std::size_t router) const;
  void publish_if_due();
  void save_if_due();
  Status save_all();
  void keep_rows();

  std::vector<std::unique_ptr<RouterLearner>> learners_;
  std::vector<std::unique_ptr<Succession>> successions_;  ///< as many; nullptr: none
  std::vector<PolicySlot*> slots_;
  std::vector<std::uint64_t> published_;
  replay::Store& store_;
  LearnerThreadOptions options_;
  SteadyTime last_publish_{};
  SteadyTime last_save_{};
  std::uint64_t rows_since_save_ = 0;
  std::atomic<std::uint64_t> version_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::function<void()>> tasks_;  // guarded by mutex_
  bool rows_waiting_ = true;                  // guarded by mutex_
  bool paused_ = false;                       // guarded by mutex_
  bool stopping_ = false;                     // guarded by mutex_
  bool stopped_ = true;                       // guarded by mutex_: no thread takes tasks
  std::optional<BackgroundWork::Hold> work_;  // guarded by mutex_
  std::mutex taskless_;                       // held for what is done without the thread
  std::thread thread_;
};

}  // namespace yardmaster::agent
