#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/background_work.h"
#include "base/decision.h"
#include "base/result.h"
#include "base/time.h"
#include "base/training_row.h"
#include "env/metrics.h"

namespace rocksdb {
class Env;
}

namespace yardmaster::replay {

struct StoreOptions {
  std::filesystem::path directory;

  /// When a decision's row is made without all its feedback.
  std::chrono::microseconds reward_window = std::chrono::hours(1);

  /// Quality of a decision whose window ended without feedback; nothing: quality is not learned
  /// from it, cost and latency still are.
  std::optional<double> default_quality;

  /// Records older than this are removed, and the oldest ones first where the store's tables are
  /// larger than max_bytes; what is not flushed to them yet does not count. 0: no limit. Rows that
  /// `keep_rows_after` protects and decisions whose reward window has not ended stay in any case.
  std::chrono::microseconds max_age{0};
  std::uint64_t max_bytes = 0;

  /// The texts of queries older than this are removed from their decisions, which stay, and leave
  /// the files within about an hour more. Imported ones that are older come without. 0: no limit.
  std::chrono::microseconds max_text_age{0};

  /// Decisions whose joins are kept in memory, so that prompt feedback reads no disk.
  std::size_t recent_decisions = 65'536;

  /// RocksDB's memtable size. Tests make it tiny so that flushes and compactions do happen.
  std::size_t write_buffer_bytes = 64u << 20;

  /// Bounds of the writer's queue; what would exceed them is refused with `unavailable`.
  std::size_t max_queued_records = 65'536;
  std::size_t max_queued_bytes = 256u << 20;

  /// The file system under RocksDB; nullptr: the operating system's. It outlives the store.
  rocksdb::Env* env = nullptr;

  Clock clock = system_clock_now;
};

/// Which decision a piece of feedback is about.
struct FeedbackTarget {
  enum class Kind { decision, response, session };
  Kind kind = Kind::decision;
  std::string id;  ///< a decision id's text form, an upstream's response id, or a session id
};

struct FeedbackItem {
  FeedbackTarget target;
  Feedback feedback;
};

/// What became of one item. An error's code says why: invalid_argument (no id, malformed),
/// not_found (unknown decision or metric), out_of_range, conflict (the idempotency key was used
/// with another value).
struct FeedbackResult {
  enum class State { stored, duplicate, error };
  State state = State::stored;
  std::optional<Error> error;
};

/// A row drawn from the buffer, with the probability that one draw gave it.
struct SampledRow {
  TrainingRow row;
  double probability;
};

/// Figures for metrics and status.
struct StoreStats {
  std::uint64_t decisions = 0;       ///< sequence of the newest
  std::uint64_t first_decision = 1;  ///< sequence of the oldest kept
  std::uint64_t rows = 0;            ///< sequence of the newest training row
  std::uint64_t first_row = 1;       ///< sequence of the oldest kept
  std::uint64_t outcomes = 0;        ///< stored since the store was made
  std::uint64_t feedback = 0;        ///< the same; on a session it counts once a decision
  std::uint64_t duplicates = 0;
  std::uint64_t waiting = 0;  ///< decisions whose row is not made yet
  std::uint64_t queued = 0;   ///< records in the writer's queue now
  std::uint64_t bytes_on_disk = 0;
  bool writable = true;  ///< false: the last write failed; see `last_error`
  std::string last_error;
};

/// The durable replay buffer: decisions, outcomes, feedback, and the training rows joined from
/// them, in one RocksDB database. docs/replay-format.md describes what is on disk.
///
/// All methods may be called from any thread. Appends go through one queue and one writer thread,
/// which commits them in groups in the order of their calls; so feedback is never durable before
/// its decision. `done` is called once, on a thread of the store (the caller's where the queue is
/// full), and must be quick: post to where the answer is needed. An append fails with
/// `unavailable` when the disk is full or broken, when the queue is full, or while the store
/// closes; nothing of it is then stored.
///
/// A decision yields exactly one training row when its outcome and all metrics of the objective
/// are there or its reward window ends, whatever crashes; a value that comes later yields a
/// correction row. Row, join state and the record that completed it are one atomic write.
class Store {
 public:
  using Done = std::function<void(Status)>;
  using FeedbackDone = std::function<void(std::vector<FeedbackResult>)>;

  /// Opens or creates the store. Fails with unavailable when another process has it open, with
  /// unsupported when a newer version wrote it, with corrupt or io when it cannot be read; each
  /// message says what to do.
  static Result<std::unique_ptr<Store>> open(StoreOptions options, env::QualityObjective objective);

  /// Opens what another process may be writing, to read all that it has acknowledged so far.
  /// Appends fail with unsupported. Fails with not_found where there is no store.
  static Result<std::unique_ptr<Store>> open_read_only(std::filesystem::path directory);

  /// Finishes what is queued, syncs, and closes.
  virtual ~Store() = default;

  // Appending ------------------------------------------------------------------------------

  /// `done` when the decision is in the write-ahead log: it survives the process, not a power cut.
  virtual void append_decision(std::shared_ptr<const Decision> decision, Done done) = 0;
  void append_decision(Decision decision, Done done) {
    append_decision(std::make_shared<const Decision>(std::move(decision)), std::move(done));
  }

  /// The first outcome counts; a second one for the same decision fails with conflict, unless it
  /// is equal. `response_id`, if not empty, may name the decision in feedback from then on.
  /// `done` as for decisions. Fails with not_found for an unknown decision.
  virtual void append_outcome(DecisionId id, Outcome outcome, std::string response_id,
                              Done done) = 0;

  /// `done` when everything stored of it is synced to disk. Items are independent, in order.
  virtual void append_feedback(std::vector<FeedbackItem> items, FeedbackDone done) = 0;

  /// Adds rows that come from elsewhere (warm start), synced. Their sequence numbers are given
  /// here.
  virtual void append_rows(std::vector<TrainingRow> rows, Done done) = 0;

  /// Adds a decision with all that came of it, as it was exported, synced; its training row is
  /// made at once if it is complete or its window has passed. A decision that is there already is
  /// skipped and counts as a success.
  virtual void import_record(DecisionRecord record, Done done) = 0;

  /// From hold() to release() what is appended waits in the queue, so that one who appends several
  /// records wakes the writer once. A hold is brief: others' appends wait for it too, or for a
  /// release() of their own. Each hold() has one release().
  virtual void hold() = 0;
  virtual void release() = 0;

  // Reading --------------------------------------------------------------------------------

  /// The decision and all that came of it; not_found if there is none.
  virtual Result<DecisionRecord> find(const DecisionId& id) const = 0;

  /// Up to `limit` rows with sequence > `after`, in order. Empty: no more yet.
  virtual Result<std::vector<TrainingRow>> rows_after(std::uint64_t after,
                                                      std::size_t limit) const = 0;

  /// Calls `visit` for each decision with sequence >= `from`, in order, on a consistent view,
  /// until it returns false. The store may be written meanwhile.
  virtual Status for_each_decision(
      std::uint64_t from, const std::function<bool(const DecisionRecord&)>& visit) const = 0;

  /// `count` draws with replacement from the kept rows, by `rng`. half_life_rows > 0 weighs a row
  /// by 2^(-age / half_life_rows), age counted in rows from the newest; 0 is uniform.
  virtual Result<std::vector<SampledRow>> sample(std::size_t count, double half_life_rows,
                                                 Rng& rng) const = 0;

  virtual StoreStats stats() const = 0;

  // Keeping --------------------------------------------------------------------------------

  /// Rows with sequence > `version` stay, whatever their age: the oldest kept snapshot has not
  /// learned them.
  virtual void keep_rows_after(std::uint64_t version) = 0;

  /// Called on the writer thread after new rows were committed, with the newest sequence; it must
  /// be quick and not call the store. nullptr: nothing is called from the moment this returns.
  virtual void on_rows(std::function<void(std::uint64_t)> callback) = 0;

  /// A consistent copy of the running store in `directory`, which must not exist (RocksDB
  /// checkpoint: hard links where the file system allows).
  virtual Status backup(const std::filesystem::path& directory) = 0;

  /// Makes the rows whose reward window has ended by the clock, and removes what retention allows.
  /// The store does this by itself about once a second; tests call it after moving the clock.
  /// Returns when it is committed.
  virtual Status tick() = 0;

  /// What is done behind those who serve: there is some while RocksDB flushes or compacts, and
  /// whoever else works like that, as the learner does, says so here. It lives as long as the
  /// store.
  virtual BackgroundWork& background_work() = 0;
};

}  // namespace yardmaster::replay
