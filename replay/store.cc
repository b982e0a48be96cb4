#include "replay/store.h"

#include <rocksdb/utilities/checkpoint.h>

#include <chrono>
#include <future>
#include <system_error>
#include <utility>

#include "base/failpoint.h"
#include "replay/coverage.h"
#include "replay/reader.h"
#include "replay/writer.h"

namespace yardmaster::replay {
namespace {

std::uint64_t directory_bytes(const std::filesystem::path& directory) {
  std::error_code error;
  std::uint64_t bytes = 0;
  for (std::filesystem::directory_iterator file(directory, error), end; !error && file != end;
       file.increment(error)) {
    std::error_code gone;  // compaction removes files meanwhile
    if (!file->is_regular_file(gone)) continue;
    const std::uint64_t size = file->file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

StoreStats to_stats(const Counters& counters) {
  StoreStats stats;
  stats.decisions = counters.decisions;
  stats.first_decision = counters.first_decision;
  stats.rows = counters.rows;
  stats.first_row = counters.first_row;
  stats.outcomes = counters.outcomes;
  stats.feedback = counters.feedback;
  stats.duplicates = counters.duplicates;
  stats.waiting = counters.waiting;
  return stats;
}

/// What reading needs; the same for both ways of opening.
class ReadableStore : public Store {
 public:
  explicit ReadableStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  BackgroundWork& background_work() override { return database_->background_work(); }

  Result<DecisionRecord> find(const DecisionId& id) const override {
    const auto snapshot = database_->snapshot();
    if (!snapshot) return fail(snapshot.error());
    return find_record(*snapshot, id);
  }

  Result<std::vector<TrainingRow>> rows_after(std::uint64_t after,
                                              std::size_t limit) const override {
    const auto view = database_->view();
    if (!view) return fail(view.error());
    return read_rows(*view, after, limit);
  }

  Status for_each_decision(std::uint64_t from,
                           const std::function<bool(const DecisionRecord&)>& visit) const override {
    const auto snapshot = database_->snapshot();
    if (!snapshot) return fail(snapshot.error());
    return visit_decisions(*snapshot, from, visit);
  }

  Result<std::vector<SampledRow>> sample(std::size_t count, double half_life_rows,
                                         Rng& rng) const override {
    const auto snapshot = database_->snapshot();
    if (!snapshot) return fail(snapshot.error());
    return sample_rows(*snapshot, count, half_life_rows, rng);
  }

 protected:
  std::unique_ptr<Database> database_;
};

/// A store that has just been opened holds what its counters say.
Status check_whole(const Database& database, const Database::View& view, const Counters& counters) {
  if (counters == Counters{} && database.had_tables()) {
    return fail(ErrorCode::corrupt, "the replay store in '" + database.directory().string() +
                                        "' is empty though there are tables, as if the end of the "
                                        "manifest were gone; restore a backup");
  }
  Status whole =
      check_coverage(view, Family::decisions, counters.first_decision, counters.decisions);
  if (whole) whole = check_coverage(view, Family::train, counters.first_row, counters.rows);
  // Until something is removed the tables hold one entry for each outcome and value.
  if (!whole || counters.first_decision > 1) return whole;
  return check_entries(view, Family::feedback, counters.outcomes + counters.feedback);
}

class WritableStore final : public ReadableStore {
 public:
  WritableStore(std::unique_ptr<Database> database, Ledger ledger, const StoreOptions& options)
      : ReadableStore(std::move(database)),
        syncer_(*database_, health_),
        writer_(*database_, std::move(ledger), syncer_, health_,
                {{options.max_age, options.max_bytes, options.max_text_age},
                 options.clock,
                 options.max_queued_records,
                 options.max_queued_bytes}) {}

  void append_decision(std::shared_ptr<const Decision> decision, Done done) override {
    writer_.submit(AppendDecision{std::move(decision), std::move(done)});
  }

  void append_outcome(DecisionId id, Outcome outcome, std::string response_id, Done done) override {
    writer_.submit(AppendOutcome{id, std::move(outcome), std::move(response_id), std::move(done)});
  }

  void append_feedback(std::vector<FeedbackItem> items, FeedbackDone done) override {
    writer_.submit(AppendFeedback{std::move(items), std::move(done)});
  }

  void append_rows(std::vector<TrainingRow> rows, Done done) override {
    writer_.submit(AppendRows{std::move(rows), std::move(done)});
  }

  void import_record(DecisionRecord record, Done done) override {
    writer_.submit(ImportRecord{std::move(record), std::move(done)});
  }

  void hold() override { writer_.hold(); }
  void release() override { writer_.release(); }

  StoreStats stats() const override {
    StoreStats stats = to_stats(writer_.counters());
    stats.queued = writer_.queued();
    stats.bytes_on_disk = directory_bytes(database_->directory());
    stats.writable = health_.writable();
    stats.last_error = health_.last_error();
    return stats;
  }

  void keep_rows_after(std::uint64_t version) override { writer_.keep_rows_after(version); }

  void on_rows(std::function<void(std::uint64_t)> callback) override {
    writer_.on_rows(std::move(callback));
  }

  Status backup(const std::filesystem::path& directory) override {
    if (std::filesystem::exists(directory)) {
      return fail(ErrorCode::conflict, "backup directory '" + directory.string() +
                                           "' exists already; name one that does not");
    }
    std::error_code ignored;  // the checkpoint says what is wrong with the parent
    std::filesystem::create_directories(directory.parent_path(), ignored);
    const auto view = database_->view();
    if (!view) return fail(view.error());
    rocksdb::Checkpoint* made = nullptr;
    auto status = rocksdb::Checkpoint::Create(&view->db(), &made);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    // The write-ahead log is copied as it is, so nothing need be flushed first.
    constexpr std::uint64_t kNeverFlush = UINT64_MAX;
    if (status.ok()) status = checkpoint->CreateCheckpoint(directory.string(), kNeverFlush);
    if (!status.ok()) {
      return fail(to_error(status, "making a backup in '" + directory.string() + "'"));
    }
    return {};
  }

  Status tick() override {
    std::promise<Status> promise;
    auto result = promise.get_future();
    writer_.submit(Tick{[&promise](const Status& status) { promise.set_value(status); }});
    return result.get();
  }

 private:
  // Destroyed from below: the writer finishes the queue, the syncer syncs, the database closes.
  Health health_;
  Syncer syncer_;
  Writer writer_;
};

class ReadOnlyStore final : public ReadableStore {
 public:
  ReadOnlyStore(std::unique_ptr<Database> database, const Counters& counters)
      : ReadableStore(std::move(database)), counters_(counters) {}

  void append_decision(std::shared_ptr<const Decision>, Done done) override { done(refused()); }
  void append_outcome(DecisionId, Outcome, std::string, Done done) override { done(refused()); }
  void append_feedback(std::vector<FeedbackItem> items, FeedbackDone done) override {
    done(std::vector<FeedbackResult>(items.size(),
                                     {FeedbackResult::State::error, refused().error()}));
  }
  void append_rows(std::vector<TrainingRow>, Done done) override { done(refused()); }
  void import_record(DecisionRecord, Done done) override { done(refused()); }
  void hold() override {}
  void release() override {}

  StoreStats stats() const override {
    StoreStats stats = to_stats(counters_);
    stats.bytes_on_disk = directory_bytes(database_->directory());
    stats.writable = false;
    return stats;
  }

  void keep_rows_after(std::uint64_t) override {}
  void on_rows(std::function<void(std::uint64_t)>) override {}
  Status backup(const std::filesystem::path&) override { return refused(); }
  Status tick() override { return refused(); }

 private:
  Status refused() const {
    return fail(ErrorCode::unsupported, "the replay store in '" + database_->directory().string() +
                                            "' is open for reading only");
  }

  Counters counters_;
};

}  // namespace

Result<std::unique_ptr<Store>> Store::open(StoreOptions options, env::QualityObjective objective) {
  auto database = Database::open({options.directory, options.write_buffer_bytes, options.env});
  if (!database) return fail(database.error());
  Ledger ledger({std::move(objective), options.default_quality}, options.reward_window,
                options.recent_decisions);
  {
    const auto view = (*database)->view();
    if (!view) return fail(view.error());
    if (Status loaded = ledger.load(*view); !loaded) return fail(loaded.error());
    const Status whole = check_whole(**database, *view, ledger.counters());
    if (!whole) return fail(whole.error());
  }
  failpoint("store.opened");
  (*database)->remove_obsolete();
  return std::make_unique<WritableStore>(std::move(*database), std::move(ledger), options);
}

Result<std::unique_ptr<Store>> Store::open_read_only(std::filesystem::path directory) {
  auto database = Database::open_read_only(std::move(directory));
  if (!database) return fail(database.error());
  Counters counters;
  {
    const auto view = (*database)->view();
    if (!view) return fail(view.error());
    const auto read = read_counters(*view);
    if (!read) return fail(read.error());
    counters = *read;
  }
  return std::make_unique<ReadOnlyStore>(std::move(*database), counters);
}

}  // namespace yardmaster::replay
