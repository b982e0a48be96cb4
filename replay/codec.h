#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/decision.h"
#include "base/result.h"
#include "base/training_row.h"

/// The values in the store, as bytes. Each begins with the version of its layout, so that a
/// layout can change without rewriting what is there. decode_* takes any bytes and gives a value
/// or `corrupt`; encode then decode gives back the same value, bit for bit.
/// docs/replay-format.md has the layouts. Pure functions; any thread.
namespace yardmaster::replay {

/// A decision as it is kept, with the end of its reward window: the options of a later run do
/// not move it.
struct StoredDecision {
  Decision decision;
  Timestamp deadline;

  friend bool operator==(const StoredDecision&, const StoredDecision&) = default;
};

/// An outcome as it is kept, with the upstream's id for the answer (empty: none).
struct StoredOutcome {
  Outcome outcome;
  std::string response_id;

  friend bool operator==(const StoredOutcome&, const StoredOutcome&) = default;
};

/// Something that became known of a decision.
using Event = std::variant<StoredOutcome, Feedback>;

/// That a decision's first row was due, and what was learned of it last. Without `learned`
/// nothing was known and no row was made.
struct JoinMark {
  std::uint64_t last_row = 0;  ///< sequence of the newest row made of the decision; 0: none
  std::optional<ArmOutcome> learned;

  friend bool operator==(const JoinMark&, const JoinMark&) = default;
};

/// What an idempotency key was used for.
struct KeyUse {
  std::uint64_t decision_sequence = 0;  ///< the newest decision that was credited
  std::string metric;
  double value = 0;
  std::string judge;

  friend bool operator==(const KeyUse&, const KeyUse&) = default;
};

/// The store's counters. They change in the batch that makes them change.
struct Counters {
  std::uint64_t decisions = 0;       ///< sequence of the newest decision
  std::uint64_t first_decision = 1;  ///< sequence of the oldest kept
  std::uint64_t rows = 0;
  std::uint64_t first_row = 1;
  std::uint64_t waiting = 0;     ///< decisions kept whose first row is still to be made
  std::uint64_t outcomes = 0;    ///< since the store was made, as the two below
  std::uint64_t feedback = 0;    ///< events, so feedback on a session counts once a decision
  std::uint64_t duplicates = 0;  ///< items that an idempotency key showed to be known

  friend bool operator==(const Counters&, const Counters&) = default;
};

/// How far the texts of expired queries are gone; sequences of decisions. The first is where
/// removing goes on; what is removed is in the files until they are written anew.
struct TextMarks {
  std::uint64_t first = 1;   ///< no older decision has a text
  std::uint64_t erased = 1;  ///< of no older decision is a removed text left in any file

  friend bool operator==(const TextMarks&, const TextMarks&) = default;
};

void encode(const StoredDecision& value, std::string& out);
void encode(const Decision& decision, Timestamp deadline, std::string& out);  ///< as one stored
void encode(const Event& value, std::string& out);
void encode(const StoredOutcome& value, std::string& out);  ///< as an event, and so below
void encode(const Feedback& value, std::string& out);
void encode(const TrainingRow& value, std::string& out);
void encode(const JoinMark& value, std::string& out);
void encode(const KeyUse& value, std::string& out);
void encode(const Counters& value, std::string& out);
void encode(const TextMarks& value, std::string& out);

/// encode() into a new string.
template <class T>
std::string encoded(const T& value) {
  std::string out;
  encode(value, out);
  return out;
}

Result<StoredDecision> decode_decision(std::string_view bytes);
Result<Event> decode_event(std::string_view bytes);
Result<TrainingRow> decode_row(std::string_view bytes);
Result<JoinMark> decode_join_mark(std::string_view bytes);
Result<KeyUse> decode_key_use(std::string_view bytes);
Result<Counters> decode_counters(std::string_view bytes);
Result<TextMarks> decode_text_marks(std::string_view bytes);

}  // namespace yardmaster::replay
