#include "replay/codec.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/unit/replay/arbitrary_records.h"

namespace yardmaster::replay {
namespace {

RC_GTEST_PROP(Codec, ADecisionComesBackBitForBit, ()) {
  const StoredDecision value{any_decision(), any_time()};
  const auto decoded = decode_decision(encoded(value));
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(*decoded == value);
}

RC_GTEST_PROP(Codec, AnOutcomeComesBackBitForBit, ()) {
  const Event value = StoredOutcome{any_outcome(), any_text()};
  const auto decoded = decode_event(encoded(value));
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(*decoded == value);
}

RC_GTEST_PROP(Codec, AFeedbackComesBackBitForBit, ()) {
  const Event value = any_feedback();
  const auto decoded = decode_event(encoded(value));
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(*decoded == value);
}

RC_GTEST_PROP(Codec, ATrainingRowComesBackBitForBit, ()) {
  const TrainingRow value = any_row();
  const auto decoded = decode_row(encoded(value));
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(*decoded == value);
}

RC_GTEST_PROP(Codec, TheSmallRecordsComeBack, ()) {
  const JoinMark mark{any_count(), maybe(any_arm)};
  RC_ASSERT(*decode_join_mark(encoded(mark)) == mark);
  const KeyUse use{any_count(), any_text(), any_double(), any_text()};
  RC_ASSERT(*decode_key_use(encoded(use)) == use);
  const Counters counters{any_count(), any_count(), any_count(), any_count(),
                          any_count(), any_count(), any_count(), any_count()};
  RC_ASSERT(*decode_counters(encoded(counters)) == counters);
  const TextMarks marks{any_count(), any_count()};
  RC_ASSERT(*decode_text_marks(encoded(marks)) == marks);
}

/// Decodes as everything; only crashes, hangs and sanitizers can object.
void decode_all(std::string_view bytes) {
  static_cast<void>(decode_decision(bytes).has_value());
  static_cast<void>(decode_event(bytes).has_value());
  static_cast<void>(decode_row(bytes).has_value());
  static_cast<void>(decode_join_mark(bytes).has_value());
  static_cast<void>(decode_key_use(bytes).has_value());
  static_cast<void>(decode_counters(bytes).has_value());
  static_cast<void>(decode_text_marks(bytes).has_value());
}

RC_GTEST_PROP(Codec, AnyBytesGiveAValueOrAnError, (std::string bytes)) {
  decode_all(bytes);
  decode_all("\x01" + bytes);
}

RC_GTEST_PROP(Codec, ADamagedRecordGivesAValueOrAnError, ()) {
  std::string bytes = encoded(StoredDecision{any_decision(), any_time()});
  const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
  bytes[at] = *rc::gen::arbitrary<char>();
  decode_all(bytes);
}

RC_GTEST_PROP(Codec, ATruncatedOrLongerRecordIsCorrupt, ()) {
  const std::string bytes = encoded(any_row());
  const auto size = *rc::gen::inRange<std::size_t>(1, bytes.size());
  RC_ASSERT(decode_row(std::string_view(bytes).substr(0, size)).error().code == ErrorCode::corrupt);
  RC_ASSERT(decode_row(bytes + "x").error().code == ErrorCode::corrupt);
}

TEST(Codec, ACountThatTheBytesCannotHoldAllocatesNothing) {
  // Layout 1, then a row's fixed part with a feature count of 2^62.
  std::string bytes = encoded(TrainingRow());
  const std::size_t count_at = 1 + 1 + 1 + 16 + 8 + 1 + 1;
  ASSERT_EQ(bytes[count_at], 0);
  bytes.replace(count_at, 1, "\xff\xff\xff\xff\xff\xff\xff\xff\x3f");
  EXPECT_EQ(decode_row(bytes).error().code, ErrorCode::corrupt);
}

TEST(Codec, WithoutASuccessorsFeaturesTheLayoutIsTheFirst) {
  TrainingRow row;
  EXPECT_EQ(encoded(row)[0], 1);
  row.successor_features.values = {1, 2};
  EXPECT_EQ(encoded(row)[0], 2);
  EXPECT_EQ(encoded(StoredDecision())[0], 1);
}

TEST(Codec, OnlyWhatOlderVersionsDoNotKnowTakesTheNewestLayout) {
  StoredDecision stored;
  stored.decision.key = "app";
  EXPECT_EQ(encoded(stored)[0], 3);
  stored.decision.hedge_of = DecisionId();
  EXPECT_EQ(encoded(stored)[0], 4);
  StoredOutcome outcome;
  EXPECT_EQ(encoded(Event(outcome))[0], 1);
  outcome.outcome.status = Outcome::Status::cancelled;
  EXPECT_EQ(encoded(Event(outcome))[0], 4);
}

TEST(Codec, ALayoutOfANewerVersionIsUnsupported) {
  std::string bytes = encoded(TrainingRow());
  bytes[0] = 3;
  EXPECT_EQ(decode_row(bytes).error().code, ErrorCode::unsupported);
}

}  // namespace
}  // namespace yardmaster::replay
