#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/decision_id.h"
#include "base/time.h"

/// Which column family holds what, and how its keys are made. Numbers in keys are big-endian, so
/// that RocksDB's byte order is their order. Pure functions; any thread.
namespace yardmaster::replay {

enum class Family : std::size_t {
  decisions,  ///< sequence -> StoredDecision
  ids,        ///< everything that names a decision, see the *_key functions below -> its sequence
  feedback,   ///< sequence, arrival (32 bits, from 0) -> Event of that decision
  joins,      ///< sequence -> JoinMark; there is one as soon as the first row was due
  train,      ///< row sequence, dense -> TrainingRow
  due,        ///< deadline, sequence -> empty; the decisions whose first row is still to be made
  meta,       ///< "counters" -> Counters, "texts" -> TextMarks
};

inline constexpr std::size_t kFamilies = 7;

/// Version of the whole: families, keys and what they mean.
inline constexpr int kFormatVersion = 1;

/// The name of the last family ends in the format version, since names can be read without
/// opening, and so without touching, a store that a newer version wrote.
inline constexpr std::string_view kMetaFamilyPrefix = "meta.v";

inline constexpr std::array<std::string_view, kFamilies> kFamilyNames = {
    "decisions", "ids", "feedback", "joins", "train", "due", "meta.v1"};

inline constexpr std::string_view kCountersKey = "counters";
inline constexpr std::string_view kTextMarksKey = "texts";

/// Key of decisions, joins and train, and the beginning of the keys of feedback.
std::string sequence_key(std::uint64_t sequence);

/// Reads the big-endian number at the front of a key; 0 if the key is too short.
std::uint64_t read_sequence(std::string_view key);

std::string feedback_key(std::uint64_t sequence, std::uint32_t arrival);

/// The arrival in a key of feedback; the key has 12 bytes.
std::uint32_t read_arrival(std::string_view key);

std::string due_key(Timestamp deadline, std::uint64_t sequence);

/// Both halves of a key of `due`; the key has 16 bytes.
Timestamp read_deadline(std::string_view key);
std::uint64_t read_due_sequence(std::string_view key);

// Keys of ids. The first byte says what kind of name follows, text that is not last has its
// length before it, so no two names make the same key.

std::string decision_id_key(const DecisionId& id);          ///< -> sequence
std::string response_id_key(std::string_view response_id);  ///< -> sequence
std::string session_prefix(std::string_view session_id);    ///< then the sequence -> empty
std::string session_key(std::string_view session_id, std::uint64_t sequence);
std::string idempotency_key(std::string_view scope, std::string_view key);  ///< -> KeyUse

/// The first key after all keys that begin with `prefix`, which has a byte below 0xff.
std::string end_of_prefix(std::string prefix);

}  // namespace yardmaster::replay
