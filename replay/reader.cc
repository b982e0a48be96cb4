#include "replay/reader.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

namespace yardmaster::replay {
namespace {

/// Adds an event to the record that it belongs to.
Status add_event(DecisionRecord& record, std::string_view bytes) {
  auto event = decode_event(bytes);
  if (!event) return fail(event.error());
  if (auto* outcome = std::get_if<StoredOutcome>(&*event)) {
    record.outcome = std::move(outcome->outcome);
    record.response_id = std::move(outcome->response_id);
  } else {
    record.feedback.push_back(std::move(std::get<Feedback>(*event)));
  }
  return {};
}

Result<DecisionRecord> decode_record(std::uint64_t sequence, std::string_view bytes) {
  auto stored = decode_decision(bytes);
  if (!stored) return fail(stored.error());
  DecisionRecord record;
  record.sequence = sequence;
  record.decision = std::move(stored->decision);
  return record;
}

/// How a draw picks among `size` rows by age, 0 the newest, and how likely each age is.
class AgeDistribution {
 public:
  AgeDistribution(std::uint64_t size, double half_life)
      : size_(size), log_ratio_(half_life > 0 ? -std::numbers::ln2 / half_life : 0) {}

  /// Uniform, or the truncated geometric distribution by inversion: P(age < a) is
  /// (1 - q^a) / (1 - q^size) with q = 2^(-1 / half_life).
  std::uint64_t draw(Rng& rng) const {
    if (log_ratio_ == 0) return rng.below(size_);
    const double age = std::log1p(rng.uniform() * kept()) / log_ratio_;
    return std::min(static_cast<std::uint64_t>(age), size_ - 1);
  }

  double probability(std::uint64_t age) const {
    if (log_ratio_ == 0) return 1.0 / static_cast<double>(size_);
    return std::exp(log_ratio_ * static_cast<double>(age)) * std::expm1(log_ratio_) / kept();
  }

 private:
  /// q^size - 1: minus the weight that the distribution keeps of the untruncated one.
  double kept() const { return std::expm1(log_ratio_ * static_cast<double>(size_)); }

  std::uint64_t size_;
  double log_ratio_;
};

}  // namespace

Result<Counters> read_counters(const Database::View& view) {
  const auto bytes = view.get(Family::meta, kCountersKey);
  if (!bytes) return fail(bytes.error());
  if (!*bytes) return Counters();
  return decode_counters(**bytes);
}

Result<TextMarks> read_text_marks(const Database::View& view) {
  const auto bytes = view.get(Family::meta, kTextMarksKey);
  if (!bytes) return fail(bytes.error());
  if (!*bytes) return TextMarks();
  return decode_text_marks(**bytes);
}

Result<DecisionRecord> find_record(const Database::View& snapshot, const DecisionId& id) {
  const auto missing = [&] {
    return fail(ErrorCode::not_found,
                "no decision " + id.str() + "; it was never made here, or retention removed it");
  };
  const auto key = snapshot.get(Family::ids, decision_id_key(id));
  if (!key) return fail(key.error());
  if (!*key) return missing();
  const auto bytes = snapshot.get(Family::decisions, **key);
  if (!bytes) return fail(bytes.error());
  if (!*bytes) return missing();
  const std::uint64_t sequence = read_sequence(**key);
  auto record = decode_record(sequence, **bytes);
  if (!record) return record;
  Status added;
  const Status read = snapshot.visit(Family::feedback, **key, sequence_key(sequence + 1),
                                     [&](std::string_view, std::string_view value) {
                                       added = add_event(*record, value);
                                       return added.has_value();
                                     });
  if (!read) return fail(read.error());
  if (!added) return fail(added.error());
  return record;
}

Result<std::vector<TrainingRow>> read_rows(const Database::View& view, std::uint64_t after,
                                           std::size_t limit) {
  std::vector<TrainingRow> rows;
  if (limit == 0 || after == UINT64_MAX) return rows;
  Status decoded;
  const Status read = view.visit(Family::train, sequence_key(after + 1), std::string(9, '\xff'),
                                 [&](std::string_view, std::string_view value) {
                                   auto row = decode_row(value);
                                   if (!row) {
                                     decoded = fail(row.error());
                                     return false;
                                   }
                                   rows.push_back(std::move(*row));
                                   return rows.size() < limit;
                                 });
  if (!read) return fail(read.error());
  if (!decoded) return fail(decoded.error());
  return rows;
}

Status visit_decisions(const Database::View& snapshot, std::uint64_t from,
                       const std::function<bool(const DecisionRecord&)>& visit) {
  const auto events = snapshot.iterate(Family::feedback);
  bool positioned = false;
  Status failed;
  const Status read =
      snapshot.visit(Family::decisions, sequence_key(from), std::string(9, '\xff'),
                     [&](std::string_view key, std::string_view value) {
                       auto record = decode_record(read_sequence(key), value);
                       if (!record) {
                         failed = fail(record.error());
                         return false;
                       }
                       if (!std::exchange(positioned, true)) events->Seek({key.data(), key.size()});
                       // Both families are in the order of sequence; so the two iterators go in
                       // step.
                       for (; events->Valid(); events->Next()) {
                         const std::uint64_t owner = read_sequence(events->key().ToStringView());
                         if (owner > record->sequence) break;
                         if (owner < record->sequence) continue;
                         failed = add_event(*record, events->value().ToStringView());
                         if (!failed) return false;
                       }
                       return visit(*record);
                     });
  if (!read) return read;
  if (!failed) return failed;
  if (!events->status().ok()) return fail(to_error(events->status(), "reading"));
  return {};
}

Result<std::vector<SampledRow>> sample_rows(const Database::View& snapshot, std::size_t count,
                                            double half_life_rows, Rng& rng) {
  if (!(half_life_rows >= 0) || !std::isfinite(half_life_rows)) {
    return fail(ErrorCode::invalid_argument,
                "a half-life of " + std::to_string(half_life_rows) +
                    " rows is none; give a number above 0, or 0 for uniform sampling");
  }
  const auto counters = read_counters(snapshot);
  if (!counters) return fail(counters.error());
  std::vector<SampledRow> drawn;
  if (counters->rows < counters->first_row) return drawn;
  const AgeDistribution ages(counters->rows + 1 - counters->first_row, half_life_rows);
  drawn.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t age = ages.draw(rng);
    const auto bytes = snapshot.get(Family::train, sequence_key(counters->rows - age));
    if (!bytes) return fail(bytes.error());
    if (!*bytes) {
      return fail(ErrorCode::corrupt, "training row " + std::to_string(counters->rows - age) +
                                          " is missing; restore a backup");
    }
    auto row = decode_row(**bytes);
    if (!row) return fail(row.error());
    drawn.push_back({std::move(*row), ages.probability(age)});
  }
  return drawn;
}

}  // namespace yardmaster::replay
