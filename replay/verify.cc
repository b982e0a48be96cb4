#include "replay/verify.h"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "replay/ledger.h"
#include "replay/reader.h"

namespace yardmaster::replay {
namespace {

tl::unexpected<Error> broken(const std::string& what) {
  return fail(ErrorCode::corrupt, "the replay store does not hold together: " + what +
                                      "; restore a backup, and keep a copy for a report");
}

/// What the rows say of one decision.
struct RowChain {
  std::uint64_t last_row = 0;
  ArmOutcome learned;
};

class Verification {
 public:
  explicit Verification(const Database::View& snapshot) : snapshot_(snapshot) {}

  Status run() {
    const auto counters = read_counters(snapshot_);
    if (!counters) return fail(counters.error());
    counters_ = *counters;
    const auto texts = read_text_marks(snapshot_);
    if (!texts) return fail(texts.error());
    texts_ = *texts;
    for (const auto step :
         {&Verification::check_rows, &Verification::check_decisions, &Verification::check_events,
          &Verification::check_names, &Verification::check_due}) {
      if (Status checked = (this->*step)(); !checked) return checked;
    }
    return {};
  }

 private:
  /// Visits a whole family; `check` returns a Status for each key and value.
  template <class Check>
  Status each(Family family, Check check) const {
    Status checked;
    const Status read = snapshot_.visit(family, {}, std::string(32, '\xff'),
                                        [&](std::string_view key, std::string_view value) {
                                          checked = check(key, value);
                                          return checked.has_value();
                                        });
    return read ? checked : read;
  }

  Status check_rows() {
    std::uint64_t next = counters_.first_row;
    const Status checked = each(Family::train, [&](std::string_view key, std::string_view value) {
      const auto row = decode_row(value);
      if (!row) return Status(fail(row.error()));
      const std::string name = "row " + std::to_string(row->sequence);
      if (row->sequence != next || read_sequence(key) != next) {
        return Status(broken(name + " stands where " + std::to_string(next) + " should"));
      }
      ++next;
      return row->decision == DecisionId() ? Status() : follow(*row, name);
    });
    if (!checked) return checked;
    if (next != counters_.rows + 1) {
      return broken("rows end before " + std::to_string(next) + ", the counter says " +
                    std::to_string(counters_.rows));
    }
    return {};
  }

  Status follow(const TrainingRow& row, const std::string& name) {
    if (row.outcomes.size() != 1) return broken(name + " of a decision has not one outcome");
    const auto [chain, first] = chains_.try_emplace(row.decision_sequence);
    if (first && row.replaces && counters_.first_row == 1) {
      return broken(name + " corrects a decision that has no row before");
    }
    if (!first && !row.replaces) return broken(name + " is a second first row of its decision");
    if (!first && *row.replaces != chain->second.learned) {
      return broken(name + " does not replace what the row before it held");
    }
    chain->second = {row.sequence, row.outcomes.front()};
    return {};
  }

  Status check_decisions() {
    std::uint64_t next = counters_.first_decision;
    const auto check = [&](std::string_view key, std::string_view value) -> Status {
      const std::uint64_t sequence = read_sequence(key);
      const std::string name = "decision " + std::to_string(sequence);
      if (sequence != next++) return broken(name + " comes after a gap");
      const auto stored = decode_decision(value);
      if (sequence < texts_.first && stored && stored->decision.query) {
        return broken(name + " has a text that is told to be gone");
      }
      const auto join = load_join(snapshot_, sequence);
      if (!join) return fail(join.error());
      if (!join->done) ++waiting_;
      outcomes_ += join->outcome ? 1 : 0;
      feedback_ += join->feedback.size();
      if (Status named = check_names_of(*join, name); !named) return named;
      return check_mark(*join, name);
    };
    const Status checked = each(Family::decisions, check);
    if (!checked) return checked;
    if (next != counters_.decisions + 1) {
      return broken("decisions end before " + std::to_string(next) + ", the counter says " +
                    std::to_string(counters_.decisions));
    }
    const bool complete = counters_.first_decision == 1;
    if (waiting_ != counters_.waiting ||
        (complete && (outcomes_ != counters_.outcomes || feedback_ != counters_.feedback))) {
      return broken("there are " + std::to_string(waiting_) + " decisions waiting, " +
                    std::to_string(outcomes_) + " outcomes and " + std::to_string(feedback_) +
                    " feedback, the counters say " + std::to_string(counters_.waiting) + ", " +
                    std::to_string(counters_.outcomes) + " and " +
                    std::to_string(counters_.feedback));
    }
    return {};
  }

  Status check_names_of(const Join& join, const std::string& name) const {
    const auto by_id = snapshot_.get(Family::ids, decision_id_key(join.id));
    if (!by_id) return fail(by_id.error());
    if (!*by_id || read_sequence(**by_id) != join.sequence) {
      return broken(name + " is not found by its id " + join.id.str());
    }
    if (join.outcome && !join.outcome->response_id.empty()) {
      // A later decision may have taken the response id over, so where it leads is not checked.
      const auto named = snapshot_.get(Family::ids, response_id_key(join.outcome->response_id));
      if (!named) return fail(named.error());
      if (!*named) return broken(name + " is not found by its response id");
    }
    return {};
  }

  Status check_mark(const Join& join, const std::string& name) {
    const auto due = snapshot_.get(Family::due, due_key(join.deadline, join.sequence));
    if (!due) return fail(due.error());
    if (due->has_value() == join.done) {
      return broken(name + (join.done ? " is done and still due" : " is neither done nor due"));
    }
    const auto chain = chains_.find(join.sequence);
    const std::uint64_t last_row = chain == chains_.end() ? 0 : chain->second.last_row;
    if (last_row == 0 && join.mark.last_row < counters_.first_row) return {};
    if (last_row != join.mark.last_row || join.mark.learned != chain->second.learned) {
      return broken(name + " has row " + std::to_string(last_row) + " last, its mark says " +
                    std::to_string(join.mark.last_row) + " or other values");
    }
    return {};
  }

  bool is_kept(std::uint64_t sequence) const {
    return sequence >= counters_.first_decision && sequence <= counters_.decisions;
  }

  Status check_events() {
    std::uint64_t owner = 0;
    std::uint32_t next = 0;
    bool has_outcome = false;
    return each(Family::feedback, [&](std::string_view key, std::string_view value) -> Status {
      if (key.size() != 12) return broken("a key of feedback has not 12 bytes");
      if (read_sequence(key) != owner) {
        owner = read_sequence(key);
        next = 0;
        has_outcome = false;
      }
      const std::string name = "what came of decision " + std::to_string(owner);
      if (!is_kept(owner)) return broken(name + " is there without the decision");
      if (read_arrival(key) != next++) return broken(name + " has a gap");
      const auto event = decode_event(value);
      if (!event) return fail(event.error());
      const bool is_outcome = std::holds_alternative<StoredOutcome>(*event);
      if (is_outcome && std::exchange(has_outcome, true)) {
        return broken(name + " has two outcomes");
      }
      return {};
    });
  }

  Status check_names() {
    std::uint64_t ids = 0;
    const auto check = [&](std::string_view key, std::string_view value) -> Status {
      std::uint64_t sequence = read_sequence(value);
      if (key.starts_with('k')) {
        const auto use = decode_key_use(value);
        if (!use) return fail(use.error());
        sequence = use->decision_sequence;
      } else if (key.starts_with('s') && key.size() > 8) {
        sequence = read_sequence(key.substr(key.size() - 8));
      } else if (key.starts_with('d')) {
        ++ids;
      }
      if (!is_kept(sequence)) {
        return broken("a name leads to decision " + std::to_string(sequence) +
                      ", which is not there");
      }
      return {};
    };
    if (Status checked = each(Family::ids, check); !checked) return checked;
    if (ids != counters_.decisions + 1 - counters_.first_decision) {
      return broken("there are " + std::to_string(ids) + " ids for another number of decisions");
    }
    return {};
  }

  Status check_due() {
    std::uint64_t due = 0;
    const Status checked = each(Family::due, [&](std::string_view, std::string_view) -> Status {
      ++due;
      return {};
    });
    if (!checked) return checked;
    if (due != waiting_) {
      return broken(std::to_string(due) + " decisions are due, but " + std::to_string(waiting_) +
                    " wait");
    }
    return {};
  }

  const Database::View& snapshot_;
  Counters counters_;
  TextMarks texts_;
  std::unordered_map<std::uint64_t, RowChain> chains_;
  std::uint64_t waiting_ = 0;
  std::uint64_t outcomes_ = 0;
  std::uint64_t feedback_ = 0;
};

}  // namespace

Status verify(const Database::View& snapshot) { return Verification(snapshot).run(); }

Status verify(const std::filesystem::path& directory) {
  const auto database = Database::open_read_only(directory);
  if (!database) return fail(database.error());
  const auto snapshot = (*database)->snapshot();
  if (!snapshot) return fail(snapshot.error());
  return verify(*snapshot);
}

}  // namespace yardmaster::replay
