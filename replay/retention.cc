#include "replay/retention.h"

#include <rocksdb/convenience.h>

#include <algorithm>
#include <array>
#include <utility>

namespace yardmaster::replay {
namespace {

/// Records a step removes: some milliseconds of work.
constexpr std::uint64_t kStep = 256;

/// Decisions a step looks at for texts, most of which have none.
constexpr std::uint64_t kTextStep = 4096;

/// What the names of one decision take, roughly. They lie among those that were removed, so they
/// cannot be measured as a range.
constexpr std::uint64_t kNameBytes = 64;

std::uint64_t kept_decisions(const Counters& counters) {
  return counters.decisions + 1 - counters.first_decision;
}

/// How many of the oldest decisions are beyond the limits, up to a step.
Result<std::uint64_t> expired_decisions(const Turn& turn, const Counters& counters,
                                        Timestamp cutoff, bool too_large, Timestamp now) {
  std::uint64_t expired = 0;
  Status decoded;
  const Status read = turn.view().visit(
      Family::decisions, sequence_key(counters.first_decision),
      sequence_key(counters.decisions + 1), [&](std::string_view, std::string_view value) {
        const auto stored = decode_decision(value);
        if (stored && (stored->deadline > now || (!too_large && stored->decision.time >= cutoff))) {
          return false;
        }
        return ++expired < kStep;
      });
  if (!read) return fail(read.error());
  return expired;
}

/// The same for rows. For size, the rows that go are those of decisions that went.
Result<std::uint64_t> expired_rows(const Turn& turn, const Counters& counters, Timestamp cutoff,
                                   bool too_large, std::uint64_t keep_rows_after) {
  std::uint64_t expired = 0;
  const Status read = turn.view().visit(
      Family::train, sequence_key(counters.first_row), sequence_key(counters.rows + 1),
      [&](std::string_view key, std::string_view value) {
        if (read_sequence(key) > keep_rows_after) return false;
        const auto row = decode_row(value);
        const bool decision_is_gone = row && row->decision_sequence < counters.first_decision;
        if (row && row->time >= cutoff && !(too_large && decision_is_gone)) return false;
        return ++expired < kStep;
      });
  if (!read) return fail(read.error());
  return expired;
}

/// In RocksDB's tables. What it still has in memory it cannot measure: where few records are left
/// after the removed, it may take them for as many as a write buffer holds.
std::uint64_t range_bytes(const Database::View& view, Family family, std::uint64_t from) {
  const std::string begin = sequence_key(from);
  const std::string end(8, '\xff');
  const rocksdb::Range range(begin, end);
  rocksdb::SizeApproximationOptions options;
  options.include_files = true;
  options.include_memtables = false;
  std::uint64_t bytes = 0;
  const auto status =
      view.db().GetApproximateSizes(options, view.handle(family), &range, 1, &bytes);
  return status.ok() ? bytes : 0;
}

}  // namespace

std::uint64_t estimate_kept_bytes(const Database::View& view, const Counters& counters) {
  return range_bytes(view, Family::decisions, counters.first_decision) +
         range_bytes(view, Family::feedback, counters.first_decision) +
         range_bytes(view, Family::joins, counters.first_decision) +
         range_bytes(view, Family::train, counters.first_row) +
         kNameBytes * kept_decisions(counters);
}

Result<bool> remove_expired(Turn& turn, Ledger& ledger, const RetentionLimits& limits,
                            Timestamp now, std::uint64_t keep_rows_after) {
  const bool by_age = limits.max_age.count() > 0;
  const Timestamp cutoff = by_age ? now - limits.max_age : Timestamp::min();
  const bool too_large = limits.max_bytes > 0 &&
                         estimate_kept_bytes(turn.view(), ledger.counters()) > limits.max_bytes;
  if (!by_age && !too_large) return false;
  const auto decisions = expired_decisions(turn, ledger.counters(), cutoff, too_large, now);
  if (!decisions) return fail(decisions.error());
  if (*decisions > 0) {
    if (Status removed = ledger.remove_oldest_decisions(turn, *decisions); !removed) {
      return fail(removed.error());
    }
  }
  const auto rows = expired_rows(turn, ledger.counters(), cutoff, too_large, keep_rows_after);
  if (!rows) return fail(rows.error());
  if (*rows > 0) ledger.remove_oldest_rows(turn, *rows);
  return *decisions == kStep || *rows == kStep || (too_large && *decisions + *rows > 0);
}

bool is_text_expired(const RetentionLimits& limits, Timestamp decided, Timestamp now) {
  return limits.max_text_age.count() > 0 && decided < now - limits.max_text_age;
}

Result<bool> remove_expired_texts(Turn& turn, Ledger& ledger, const RetentionLimits& limits,
                                  Timestamp now) {
  if (limits.max_text_age.count() <= 0) return false;
  const Counters& counters = ledger.counters();
  TextMarks marks = ledger.texts();
  // Nothing is left in the files of what is before `first`, nor of decisions that went since.
  const bool clean = marks.erased == marks.first && marks.first >= counters.first_decision;
  marks.first = std::max(marks.first, counters.first_decision);
  std::uint64_t removed = 0;
  std::uint64_t seen = 0;
  const Status read = turn.view().visit(
      Family::decisions, sequence_key(marks.first), sequence_key(counters.decisions + 1),
      [&](std::string_view key, std::string_view value) {
        auto stored = decode_decision(value);
        // One that cannot be read cannot tell its age, nor have its text taken out.
        if (stored && !is_text_expired(limits, stored->decision.time, now)) return false;
        const std::uint64_t sequence = read_sequence(key);
        marks.first = sequence + 1;
        if (stored && stored->decision.query) {
          ledger.remove_text(turn, sequence, std::move(*stored));
          ++removed;
        }
        return ++seen < kTextStep && removed < kStep;
      });
  if (!read) return fail(read.error());
  if (clean && removed == 0) marks.erased = marks.first;
  ledger.set_texts(marks);
  return seen == kTextStep || removed == kStep;
}

Status drop_removed_files(const Database::View& view, const Counters& counters) {
  const std::string begin = sequence_key(0);
  const std::array<std::pair<Family, std::uint64_t>, 4> ranges = {
      {{Family::decisions, counters.first_decision},
       {Family::feedback, counters.first_decision},
       {Family::joins, counters.first_decision},
       {Family::train, counters.first_row}}};
  for (const auto& [family, first] : ranges) {
    const std::string end = sequence_key(first);
    const rocksdb::Slice from(begin);
    const rocksdb::Slice to(end);
    const rocksdb::RangePtr range(&from, &to);
    const auto status =
        rocksdb::DeleteFilesInRanges(&view.db(), view.handle(family), &range, 1, false);
    if (!status.ok()) return fail(to_error(status, "dropping files of removed records"));
  }
  return {};
}

}  // namespace yardmaster::replay
