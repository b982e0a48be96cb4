#include "replay/writer.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/failpoint.h"
#include "base/this_thread.h"

namespace yardmaster::replay {
namespace {

constexpr std::chrono::seconds kPassInterval{1};

/// Between two rewritings of the files that removed texts were in. Each goes over what expired
/// since the last, and begins new tables.
constexpr std::chrono::hours kErasureInterval{1};

/// A batch is written when it is this large, so that a long queue does not make everyone wait.
constexpr std::size_t kBatchBytes = 4u << 20;

/// The log is synced when so much has been written to it, though nobody waits for that: RocksDB
/// begins another log at the end of a write buffer, the one before is synced first, and a hundred
/// megabytes at once would take a disk half a second, of the writer's time.
constexpr std::size_t kSyncBytes = 1u << 20;

/// A call's feedback on many long sessions is cut here.
constexpr std::size_t kMaxBatchBytes = 16u << 20;

/// Windows ended in one turn.
constexpr std::size_t kWindowsATurn = 1024;

FeedbackResult too_much_feedback() {
  return {FeedbackResult::State::error,
          Error{ErrorCode::invalid_argument,
                "one call judges too many decisions of sessions at once; send fewer items a call"}};
}

}  // namespace

Writer::Writer(Database& database, Ledger ledger, Syncer& syncer, Health& health, Options options)
    : database_(database),
      ledger_(std::move(ledger)),
      syncer_(syncer),
      health_(health),
      options_(std::move(options)),
      queue_(options_.max_queued_records, options_.max_queued_bytes),
      eraser_(database, health),
      next_pass_(std::chrono::steady_clock::now()),
      published_(ledger_.counters()),
      thread_([this] { run(); }) {}

Writer::~Writer() {
  queue_.close();
  thread_.join();
}

void Writer::submit(Task task) {
  if (Status pushed = queue_.push(task); !pushed) refuse(task, pushed.error());
}

Counters Writer::counters() const {
  const std::lock_guard lock(published_mutex_);
  return published_;
}

void Writer::on_rows(std::function<void(std::uint64_t)> callback) {
  const std::lock_guard lock(published_mutex_);
  on_rows_ = std::move(callback);
}

// The thread -------------------------------------------------------------------------------

void Writer::run() {
  name_this_thread("store-writer");
  ask_for_short_slices();
  std::vector<Task> tasks;
  bool open = true;
  while (open) {
    using Clock = std::chrono::steady_clock;
    open = queue_.take(tasks, housekeeping_ ? Clock::time_point() : next_pass_);
    if (Clock::now() >= next_pass_) {
      next_pass_ = Clock::now() + kPassInterval;
      if (!health_.writable()) revive();
      housekeeping_ = true;
    }
    run_turns(tasks);
    tasks.clear();
  }
  end_housekeeping(fail(ErrorCode::unavailable, "the replay store is closing"));
}

void Writer::run_turns(std::vector<Task>& tasks) {
  if (tasks.empty() && !housekeeping_) return;
  std::size_t done = 0;
  do {
    if (!health_.writable()) {
      const Error error{ErrorCode::unavailable, "the replay store cannot write (" +
                                                    health_.last_error() +
                                                    "); it tries again every second"};
      for (std::size_t i = done; i < tasks.size(); ++i) refuse(tasks[i], error);
      end_housekeeping(fail(error));
      return;
    }
    done = run_turn(tasks, done);
  } while (done < tasks.size());
}

/// One atomic write of the tasks from `from` on, as many as fit. Returns the first not taken.
std::size_t Writer::run_turn(std::vector<Task>& tasks, std::size_t from) {
  Owed owed;
  std::size_t next = from;
  Status written;
  {
    auto view = database_.view();
    if (!view) {
      fail_with(view.error());
      return next;
    }
    Turn turn(std::move(*view));
    while (next < tasks.size() && turn.batch().bytes() < kBatchBytes) {
      apply(turn, tasks[next++], owed);
      failpoint("store.in_group");
    }
    if (next == tasks.size() && housekeeping_) keep_house(turn);
    written = commit(turn);
  }
  settle(owed, written);
  return next;
}

void Writer::apply(Turn& turn, Task& task, Owed& owed) {
  if (auto* decision = std::get_if<AppendDecision>(&task)) {
    Status status = ledger_.add_decision(turn, *decision->decision);
    owed.logged.emplace_back(std::move(decision->done), std::move(status));
  } else if (auto* outcome = std::get_if<AppendOutcome>(&task)) {
    Status status = ledger_.add_outcome(turn, outcome->id, std::move(outcome->outcome),
                                        std::move(outcome->response_id));
    owed.logged.emplace_back(std::move(outcome->done), std::move(status));
  } else if (auto* feedback = std::get_if<AppendFeedback>(&task)) {
    std::vector<FeedbackResult> results;
    results.reserve(feedback->items.size());
    for (FeedbackItem& item : feedback->items) {
      results.push_back(turn.batch().bytes() < kMaxBatchBytes
                            ? ledger_.add_feedback(turn, std::move(item))
                            : too_much_feedback());
    }
    owed.synced.emplace_back(
        [done = std::move(feedback->done), results = std::move(results)](const Status& synced) {
          if (synced) return done(results);
          std::vector<FeedbackResult> failed(results.size(),
                                             {FeedbackResult::State::error, synced.error()});
          for (std::size_t i = 0; i < results.size(); ++i) {
            if (results[i].state == FeedbackResult::State::error) failed[i] = results[i];
          }
          done(std::move(failed));
        });
  } else if (auto* rows = std::get_if<AppendRows>(&task)) {
    ledger_.add_rows(turn, std::move(rows->rows));
    owed.synced.emplace_back(std::move(rows->done));
  } else if (auto* import = std::get_if<ImportRecord>(&task)) {
    const Timestamp now = options_.clock();
    Decision& made = import->record.decision;
    if (is_text_expired(options_.retention, made.time, now)) made.query.reset();
    Status status = ledger_.import_record(turn, std::move(import->record), now);
    owed.synced.emplace_back([done = std::move(import->done), status = std::move(status)](
                                 const Status& synced) { done(status ? synced : status); });
  } else {
    ticks_.push_back(std::move(std::get<Tick>(task).done));
    housekeeping_ = true;
  }
}

/// One step of the pass; clears housekeeping_ after the last.
void Writer::keep_house(Turn& turn) {
  const Timestamp now = options_.clock();
  const auto more_windows = ledger_.end_windows(turn, now, kWindowsATurn);
  if (!more_windows) {
    house_status_ = fail(more_windows.error());
    housekeeping_ = false;
    return;
  }
  if (*more_windows) return;
  const std::uint64_t first = ledger_.counters().first_decision + ledger_.counters().first_row;
  const auto more_records =
      remove_expired(turn, ledger_, options_.retention, now, keep_rows_after_);
  if (!more_records) house_status_ = fail(more_records.error());
  removed_ = removed_ || ledger_.counters().first_decision + ledger_.counters().first_row > first;
  const auto more_texts = remove_expired_texts(turn, ledger_, options_.retention, now);
  if (!more_texts) house_status_ = fail(more_texts.error());
  note_erased_texts();
  housekeeping_ = (more_records && *more_records) || (more_texts && *more_texts);
}

/// In the next write, so that a restart does not begin anew.
void Writer::note_erased_texts() {
  TextMarks marks = ledger_.texts();
  marks.erased = std::max(marks.erased, eraser_.erased());
  ledger_.set_texts(marks);
}

void Writer::erase_texts() {
  const TextMarks& marks = ledger_.texts();
  const auto now = std::chrono::steady_clock::now();
  if (marks.first <= marks.erased || now < next_erasure_) return;
  next_erasure_ = now + kErasureInterval;
  eraser_.start(marks.erased, marks.first);
}

Status Writer::commit(Turn& turn) {
  ledger_.finish(turn);
  if (!turn.batch().empty()) {
    failpoint("store.before_log");
    const auto status = turn.batch().write();
    failpoint("store.after_log");
    unsynced_bytes_ += turn.batch().bytes();
    if (!status.ok()) {
      Error error = to_error(status, "writing");
      error.code = ErrorCode::unavailable;
      fail_with(error);
      return fail(std::move(error));
    }
  }
  ledger_.committed();
  return {};
}

/// Publishes what was written and pays what is owed.
void Writer::settle(Owed& owed, const Status& written) {
  const Counters counters = ledger_.counters();
  {
    const std::lock_guard lock(published_mutex_);
    const bool new_rows = counters.rows > published_.rows;
    published_ = counters;
    // Under the lock, so that on_rows(nullptr) returns only when the old callback does not run.
    if (new_rows && on_rows_) on_rows_(counters.rows);
  }
  for (auto& [done, status] : owed.logged) done(status && !written ? written : status);
  if (!written) {
    for (const Syncer::Completion& complete : owed.synced) complete(written);
  } else if (!owed.synced.empty() || unsynced_bytes_ >= kSyncBytes) {
    syncer_.after_sync(std::move(owed.synced));
    unsynced_bytes_ = 0;
  }
  if (housekeeping_) return;
  if (written) erase_texts();
  if (removed_ || !ticks_.empty() || !house_status_) end_housekeeping({});
}

void Writer::end_housekeeping(const Status& status) {
  housekeeping_ = false;
  if (std::exchange(removed_, false) && status) {
    // The files go at once, so what says that they may must not be lost by a power cut. A failure
    // leaves the space to compaction.
    const Status known = database_.sync();
    const auto view = database_.view();
    if (known && view) static_cast<void>(drop_removed_files(*view, ledger_.counters()).has_value());
  }
  const Status result = status ? std::exchange(house_status_, {}) : status;
  if (!result) health_.note(result.error().message);
  for (Store::Done& done : std::exchange(ticks_, {})) done(result);
}

// Failing and coming back ------------------------------------------------------------------

void Writer::fail_with(const Error& error) {
  health_.set_failed(error.message);
  ledger_.rolled_back();
  house_status_ = fail(error);
  housekeeping_ = false;
}

void Writer::revive() {
  eraser_.stop();  // it keeps the database from being reopened
  if (Status revived = database_.revive(); !revived) {
    health_.set_failed(revived.error().message);
    return;
  }
  const auto view = database_.view();
  if (!view) return;
  if (Status loaded = ledger_.load(*view); !loaded) {
    health_.set_failed(loaded.error().message);
    return;
  }
  health_.set_writable();
}

}  // namespace yardmaster::replay
