#include "replay/ledger.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "replay/reader.h"

namespace yardmaster::replay {
namespace {

Status check_decision(const Decision& decision) {
  const std::size_t models = decision.candidates.size();
  if (decision.id == DecisionId() || models == 0 || decision.propensities.size() != models ||
      decision.chosen >= models) {
    return fail(ErrorCode::invalid_argument,
                "decision " + decision.id.str() + " has " + std::to_string(models) +
                    " candidates, " + std::to_string(decision.propensities.size()) +
                    " propensities and chose number " + std::to_string(decision.chosen) +
                    "; it needs an id, a propensity for each candidate, and a choice among them");
  }
  return {};
}

/// A report sent twice has two times, but is the same report.
bool same_report(Outcome a, const Outcome& b) {
  a.time = b.time;
  return a == b;
}

tl::unexpected<Error> unknown(const std::string& what, const std::string& id) {
  return fail(ErrorCode::not_found, "no decision is known by " + what + " '" + id.substr(0, 128) +
                                        "'; send one that an answer gave, while it is kept");
}

/// Feedback on a session is stored once for each of its decisions.
constexpr std::size_t kMaxSessionDecisions = 1'000;

/// What another machine's clock may be ahead. A decision of a later day would keep those after it
/// from being removed for their age until then.
constexpr std::chrono::hours kClocksDiffer(24);

FeedbackResult failed(Error error) { return {FeedbackResult::State::error, std::move(error)}; }

}  // namespace

Result<Join> load_join(const Database::View& view, std::uint64_t sequence) {
  const std::string key = sequence_key(sequence);
  const auto bytes = view.get(Family::decisions, key);
  if (!bytes) return fail(bytes.error());
  if (!*bytes) return unknown("sequence", std::to_string(sequence));
  const auto stored = decode_decision(**bytes);
  if (!stored) return fail(stored.error());
  Join join = start_join(sequence, stored->decision, stored->deadline);

  Status events;
  const Status read = view.visit(Family::feedback, key, sequence_key(sequence + 1),
                                 [&](std::string_view, std::string_view value) {
                                   auto event = decode_event(value);
                                   if (!event) {
                                     events = fail(event.error());
                                     return false;
                                   }
                                   if (auto* outcome = std::get_if<StoredOutcome>(&*event)) {
                                     join.outcome = std::move(*outcome);
                                   } else {
                                     join.feedback.push_back(std::move(std::get<Feedback>(*event)));
                                   }
                                   return true;
                                 });
  if (!read) return fail(read.error());
  if (!events) return fail(events.error());

  const auto mark = view.get(Family::joins, key);
  if (!mark) return fail(mark.error());
  if (*mark) {
    auto decoded = decode_join_mark(**mark);
    if (!decoded) return fail(decoded.error());
    join.done = true;
    join.mark = std::move(*decoded);
  }
  return join;
}

Status Ledger::load(const Database::View& view) {
  const auto counters = read_counters(view);
  if (!counters) return fail(counters.error());
  const auto texts = read_text_marks(view);
  if (!texts) return fail(texts.error());
  cache_.clear();
  due_floor_.clear();
  counters_ = committed_ = *counters;
  texts_ = committed_texts_ = *texts;
  return {};
}

// Appending --------------------------------------------------------------------------------

Status Ledger::add_decision(Turn& turn, const Decision& decision) {
  if (Status checked = check_decision(decision); !checked) return checked;
  const auto known = find_join(turn, decision.id);
  if (!known) return fail(known.error());
  if (*known != nullptr) {
    return fail(ErrorCode::conflict, "decision " + decision.id.str() +
                                         " is stored already; give each decision a new id");
  }
  put_decision(turn, decision);
  return {};
}

Status Ledger::add_outcome(Turn& turn, const DecisionId& id, Outcome outcome,
                           std::string response_id) {
  const auto join = join_of(turn, id);
  if (!join) return fail(join.error());
  if ((*join)->outcome) {
    if (same_report(outcome, (*join)->outcome->outcome)) return {};
    return fail(ErrorCode::conflict,
                "decision " + id.str() + " has another outcome already; the first one counts");
  }
  put_outcome(turn, **join, {std::move(outcome), std::move(response_id)});
  settle(turn, **join, false);
  return {};
}

FeedbackResult Ledger::add_feedback(Turn& turn, FeedbackItem item) {
  Feedback& feedback = item.feedback;
  if (Status checked = rules_.objective.check(feedback.metric, feedback.value); !checked) {
    return failed(checked.error());
  }
  const auto sequences = resolve(turn, item.target);
  if (!sequences) return failed(sequences.error());
  const auto repeated = is_repeated(turn, feedback, *sequences);
  if (!repeated) return failed(repeated.error());
  if (*repeated) {
    ++counters_.duplicates;
    return {FeedbackResult::State::duplicate, {}};
  }
  std::vector<Join*> joins;
  for (const std::uint64_t sequence : *sequences) {
    const auto join = join_of(turn, sequence);
    if (!join) return failed(join.error());
    joins.push_back(*join);
  }
  put_key_use(turn, feedback, sequences->back());
  for (Join* join : joins) {
    put_feedback(turn, *join, feedback);
    settle(turn, *join, false);
  }
  return {FeedbackResult::State::stored, {}};
}

void Ledger::add_rows(Turn& turn, std::vector<TrainingRow> rows) {
  for (TrainingRow& row : rows) {
    row.sequence = ++counters_.rows;
    row.decision_sequence = counters_.decisions;  // the clock of this log, not of another
    turn.batch().put(Family::train, sequence_key(row.sequence), encode_here(row));
  }
}

Status Ledger::import_record(Turn& turn, DecisionRecord record, Timestamp now) {
  if (Status checked = check_decision(record.decision); !checked) return checked;
  if (record.decision.time > now + kClocksDiffer) {
    return fail(ErrorCode::invalid_argument, "decision " + record.decision.id.str() + " is of " +
                                                 format_rfc3339(record.decision.time) +
                                                 ", which is to come; correct its time");
  }
  for (const Feedback& feedback : record.feedback) {
    // A metric that is no longer declared is kept, and simply not part of the objective.
    if (rules_.objective.find(feedback.metric) == nullptr) continue;
    if (Status checked = rules_.objective.check(feedback.metric, feedback.value); !checked) {
      return checked;
    }
  }
  const auto known = find_join(turn, record.decision.id);
  if (!known) return fail(known.error());
  if (*known != nullptr) return {};

  Join& join = put_decision(turn, record.decision);
  if (record.outcome) {
    put_outcome(turn, join, {std::move(*record.outcome), std::move(record.response_id)});
  }
  for (Feedback& feedback : record.feedback) {
    put_key_use(turn, feedback, join.sequence);
    put_feedback(turn, join, std::move(feedback));
  }
  settle(turn, join, now >= join.deadline);
  return {};
}

Result<bool> Ledger::end_windows(Turn& turn, Timestamp now, std::size_t limit) {
  struct Due {
    std::string key;
    std::uint64_t sequence;
  };
  std::vector<Due> due;
  const std::string end = due_key(now + std::chrono::microseconds(1), 0);
  const Status read =
      turn.view().visit(Family::due, due_floor_, end, [&](std::string_view key, std::string_view) {
        due.push_back({std::string(key), read_due_sequence(key)});
        return due.size() < limit;
      });
  if (!read) return fail(read.error());
  for (const Due& each : due) {
    const auto join = join_of(turn, each.sequence);
    if (join) {
      if (!(*join)->done) settle(turn, **join, true);
      continue;
    }
    const ErrorCode code = join.error().code;
    if (code != ErrorCode::corrupt && code != ErrorCode::not_found) return fail(join.error());
    turn.batch().remove(Family::due, each.key);  // a damaged record must not hold up the others
    --counters_.waiting;
  }
  if (due.size() >= limit) return true;
  due_floor_ = std::max(due_floor_, end);
  return false;
}

// Retention --------------------------------------------------------------------------------

Status Ledger::remove_oldest_decisions(Turn& turn, std::uint64_t count) {
  const std::uint64_t end = counters_.first_decision + count;
  for (std::uint64_t sequence = counters_.first_decision; sequence < end; ++sequence) {
    if (Status removed = remove_names(turn, sequence); !removed) return removed;
  }
  for (const Family family : {Family::decisions, Family::feedback, Family::joins}) {
    turn.batch().remove_range(family, sequence_key(0), sequence_key(end));
  }
  counters_.first_decision = end;
  return {};
}

Status Ledger::remove_names(Turn& turn, std::uint64_t sequence) {
  const auto bytes = turn.view().get(Family::decisions, sequence_key(sequence));
  if (!bytes) return fail(bytes.error());
  const auto join = join_of(turn, sequence);
  if (!*bytes || !join) return {};  // nothing readable is left that names it
  const auto stored = decode_decision(**bytes);
  if (!stored) return {};

  turn.remove_name(decision_id_key((*join)->id));
  if (!stored->decision.session_id.empty()) {
    turn.batch().remove(Family::ids, session_key(stored->decision.session_id, sequence));
  }
  if ((*join)->outcome && !(*join)->outcome->response_id.empty()) {
    const std::string key = response_id_key((*join)->outcome->response_id);
    const auto owner = turn.find_name(key);
    if (owner && *owner && read_sequence(**owner) == sequence) turn.remove_name(key);
  }
  for (const Feedback& feedback : (*join)->feedback) {
    if (feedback.idempotency_key.empty()) continue;
    const std::string key = idempotency_key(feedback.key_scope, feedback.idempotency_key);
    const auto use = turn.find_name(key);
    if (!use || !*use) continue;
    const auto decoded = decode_key_use(**use);
    if (decoded && decoded->decision_sequence == sequence) turn.remove_name(key);
  }
  if (!(*join)->done) {
    turn.batch().remove(Family::due, due_key((*join)->deadline, sequence));
    --counters_.waiting;
  }
  cache_.erase(sequence);
  return {};
}

void Ledger::remove_text(Turn& turn, std::uint64_t sequence, StoredDecision stored) {
  stored.decision.query.reset();
  turn.batch().put(Family::decisions, sequence_key(sequence), encode_here(stored));
}

void Ledger::remove_oldest_rows(Turn& turn, std::uint64_t count) {
  counters_.first_row += count;
  turn.batch().remove_range(Family::train, sequence_key(0), sequence_key(counters_.first_row));
}

// The end of a turn ------------------------------------------------------------------------

void Ledger::finish(Turn& turn) {
  if (counters_ != committed_) {
    turn.batch().put(Family::meta, kCountersKey, encode_here(counters_));
  }
  if (texts_ != committed_texts_) {
    turn.batch().put(Family::meta, kTextMarksKey, encode_here(texts_));
  }
}

void Ledger::committed() {
  committed_ = counters_;
  committed_texts_ = texts_;
  cache_.trim();
}

void Ledger::rolled_back() {
  counters_ = committed_;
  texts_ = committed_texts_;
  cache_.clear();
  due_floor_.clear();
}

// Parts ------------------------------------------------------------------------------------

Result<Join*> Ledger::join_of(const Turn& turn, std::uint64_t sequence) {
  if (Join* recent = cache_.find(sequence)) return recent;
  auto loaded = load_join(turn.view(), sequence);
  if (!loaded) return fail(loaded.error());
  return &cache_.add(std::move(*loaded));
}

Result<Join*> Ledger::join_of(const Turn& turn, const DecisionId& id) {
  const auto join = find_join(turn, id);
  if (join && *join == nullptr) return unknown("id", id.str());
  return join;
}

/// nullptr where none is known.
Result<Join*> Ledger::find_join(const Turn& turn, const DecisionId& id) {
  if (Join* recent = cache_.find(id)) return recent;
  const auto sequence = turn.find_name(decision_id_key(id));
  if (!sequence) return fail(sequence.error());
  if (!*sequence) return nullptr;
  auto join = join_of(turn, read_sequence(**sequence));
  if (!join && join.error().code == ErrorCode::not_found) return nullptr;
  return join;
}

Result<std::vector<std::uint64_t>> Ledger::resolve(const Turn& turn, const FeedbackTarget& target) {
  if (target.id.empty()) {
    return fail(ErrorCode::invalid_argument,
                "feedback names no decision; send decision_id, response_id or session_id");
  }
  switch (target.kind) {
    case FeedbackTarget::Kind::decision: {
      const auto id = DecisionId::parse(target.id);
      if (!id) return fail(id.error());
      const auto join = join_of(turn, *id);
      if (!join) return fail(join.error());
      return std::vector<std::uint64_t>{(*join)->sequence};
    }
    case FeedbackTarget::Kind::response: {
      const auto sequence = turn.find_name(response_id_key(target.id));
      if (!sequence) return fail(sequence.error());
      if (!*sequence) return unknown("response id", target.id);
      return std::vector<std::uint64_t>{read_sequence(**sequence)};
    }
    case FeedbackTarget::Kind::session:
      break;
  }
  auto sequences = turn.session(target.id);
  if (sequences && sequences->empty()) return unknown("session id", target.id);
  if (sequences && sequences->size() > kMaxSessionDecisions) {
    return fail(ErrorCode::invalid_argument,
                "session '" + target.id +
                    "' has more than 1,000 decisions, too many to judge at "
                    "once; send feedback by decision_id");
  }
  return sequences;
}

/// Whether the idempotency key was used before for just this; conflict if for something else.
Result<bool> Ledger::is_repeated(const Turn& turn, const Feedback& feedback,
                                 const std::vector<std::uint64_t>& sequences) {
  if (feedback.idempotency_key.empty()) return false;
  const auto bytes = turn.find_name(idempotency_key(feedback.key_scope, feedback.idempotency_key));
  if (!bytes) return fail(bytes.error());
  if (!*bytes) return false;
  const auto use = decode_key_use(**bytes);
  if (!use) return fail(use.error());
  const bool same =
      use->metric == feedback.metric && use->value == feedback.value &&
      use->judge == feedback.judge &&
      std::find(sequences.begin(), sequences.end(), use->decision_sequence) != sequences.end();
  if (same) return true;
  return fail(ErrorCode::conflict, "idempotency key '" + feedback.idempotency_key.substr(0, 128) +
                                       "' was used for another value, metric, judge or decision; "
                                       "send a new key");
}

Join& Ledger::put_decision(Turn& turn, const Decision& decision) {
  const std::uint64_t sequence = ++counters_.decisions;
  const Timestamp deadline = decision.time + reward_window_;
  const std::string key = sequence_key(sequence);
  const std::string due = due_key(deadline, sequence);
  turn.batch().put(Family::decisions, key, encode_here(decision, deadline));
  turn.batch().put(Family::ids, decision_id_key(decision.id), key);
  turn.batch().put(Family::due, due, {});
  if (!decision.session_id.empty()) turn.add_to_session(decision.session_id, sequence);
  due_floor_ = std::min(due_floor_, due);
  ++counters_.waiting;
  return cache_.add(start_join(sequence, decision, deadline));
}

void Ledger::put_outcome(Turn& turn, Join& join, StoredOutcome outcome) {
  if (!outcome.response_id.empty()) {
    turn.put_name(response_id_key(outcome.response_id), sequence_key(join.sequence));
  }
  turn.batch().put(Family::feedback, feedback_key(join.sequence, join.arrivals()),
                   encode_here(outcome));
  join.outcome = std::move(outcome);
  ++counters_.outcomes;
}

void Ledger::put_feedback(Turn& turn, Join& join, Feedback feedback) {
  turn.batch().put(Family::feedback, feedback_key(join.sequence, join.arrivals()),
                   encode_here(feedback));
  join.feedback.push_back(std::move(feedback));
  ++counters_.feedback;
}

void Ledger::put_key_use(Turn& turn, const Feedback& feedback, std::uint64_t sequence) {
  if (feedback.idempotency_key.empty()) return;
  turn.put_name(idempotency_key(feedback.key_scope, feedback.idempotency_key),
                encoded(KeyUse{sequence, feedback.metric, feedback.value, feedback.judge}));
}

void Ledger::settle(Turn& turn, Join& join, bool window_ended) {
  JoinAdvance made = advance(join, rules_, window_ended);
  if (made.became_done) {
    turn.batch().remove(Family::due, due_key(join.deadline, join.sequence));
    --counters_.waiting;
  }
  if (made.row) {
    made.row->sequence = join.mark.last_row = ++counters_.rows;
    turn.batch().put(Family::train, sequence_key(made.row->sequence), encode_here(*made.row));
  }
  if (made.step != JoinStep::none) {
    turn.batch().put(Family::joins, sequence_key(join.sequence), encode_here(join.mark));
  }
}

}  // namespace yardmaster::replay
