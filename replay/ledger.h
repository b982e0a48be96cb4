#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/decision.h"
#include "base/result.h"
#include "base/training_row.h"
#include "replay/codec.h"
#include "replay/join.h"
#include "replay/join_cache.h"
#include "replay/store.h"
#include "replay/turn.h"

namespace yardmaster::replay {

/// The join of a kept decision, read from disk; not_found if the decision is not there.
Result<Join> load_join(const Database::View& view, std::uint64_t sequence);

/// Applies what is appended to the join state and to the batch of a turn, which holds in the end
/// the records, their names, the rows that they completed, and the counters. A call that fails
/// has changed nothing. Not thread-safe: the writer's own.
///
/// A turn ends with committed() or rolled_back(), after which all is as before the turn.
class Ledger {
 public:
  Ledger(JoinRules rules, std::chrono::microseconds reward_window, std::size_t recent_decisions)
      : rules_(std::move(rules)), reward_window_(reward_window), cache_(recent_decisions) {}

  /// Reads counters and marks; call before the first turn and whenever the database was reopened.
  Status load(const Database::View& view);

  Status add_decision(Turn& turn, const Decision& decision);
  Status add_outcome(Turn& turn, const DecisionId& id, Outcome outcome, std::string response_id);
  FeedbackResult add_feedback(Turn& turn, FeedbackItem item);
  void add_rows(Turn& turn, std::vector<TrainingRow> rows);
  Status import_record(Turn& turn, DecisionRecord record, Timestamp now);

  /// Makes the rows of up to `limit` decisions whose window has ended. True: there are more.
  Result<bool> end_windows(Turn& turn, Timestamp now, std::size_t limit);

  /// Removes the `count` oldest decisions with all that names them. They must be kept ones, and
  /// their joins must not be used afterwards.
  Status remove_oldest_decisions(Turn& turn, std::uint64_t count);

  /// Takes the text out of a kept decision that has one.
  void remove_text(Turn& turn, std::uint64_t sequence, StoredDecision stored);

  const TextMarks& texts() const { return texts_; }
  void set_texts(const TextMarks& marks) { texts_ = marks; }

  /// Removes the `count` oldest rows.
  void remove_oldest_rows(Turn& turn, std::uint64_t count);

  /// Puts the counters and the marks of texts into the batch if they changed.
  void finish(Turn& turn);

  void committed();
  void rolled_back();

  const Counters& counters() const { return counters_; }

 private:
  Result<Join*> join_of(const Turn& turn, std::uint64_t sequence);
  Result<Join*> join_of(const Turn& turn, const DecisionId& id);
  Result<Join*> find_join(const Turn& turn, const DecisionId& id);
  Result<std::vector<std::uint64_t>> resolve(const Turn& turn, const FeedbackTarget& target);
  Result<bool> is_repeated(const Turn& turn, const Feedback& feedback,
                           const std::vector<std::uint64_t>& sequences);

  Join& put_decision(Turn& turn, const Decision& decision);
  void put_outcome(Turn& turn, Join& join, StoredOutcome outcome);
  void put_feedback(Turn& turn, Join& join, Feedback feedback);
  void put_key_use(Turn& turn, const Feedback& feedback, std::uint64_t sequence);
  void settle(Turn& turn, Join& join, bool window_ended);
  Status remove_names(Turn& turn, std::uint64_t sequence);

  /// Until the next call.
  template <class... Parts>
  std::string_view encode_here(const Parts&... parts) {
    buffer_.clear();
    encode(parts..., buffer_);
    return buffer_;
  }

  JoinRules rules_;
  std::chrono::microseconds reward_window_;
  JoinCache cache_;
  Counters counters_;
  Counters committed_;
  TextMarks texts_;
  TextMarks committed_texts_;
  std::string due_floor_;  ///< no committed key of `due` lies below
  std::string buffer_;     ///< of encode_here()
};

}  // namespace yardmaster::replay
