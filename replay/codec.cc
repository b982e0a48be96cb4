#include "replay/codec.h"

#include <array>
#include <cstring>

#include "replay/bytes.h"

namespace yardmaster::replay {
namespace {

constexpr std::uint8_t kLayout = 1;
constexpr std::uint8_t kStreamedLayout = 2;   // of outcomes with first_token_s
constexpr std::uint8_t kRejectedLayout = 3;   // of outcomes with status rejected
constexpr std::uint8_t kCancelledLayout = 4;  // of outcomes with status cancelled

// Of decisions and training rows that have features of two encoders; the others keep layout 1, so
// that a store without a change of encoder can be read by versions that knew of none.
constexpr std::uint8_t kTwoEncodersLayout = 2;

// Of decisions that an API key asked for.
constexpr std::uint8_t kKeyedLayout = 3;

// Of decisions that hedge another.
constexpr std::uint8_t kHedgeLayout = 4;

// Of decisions of conversations that the client gave no id.
constexpr std::uint8_t kConversationLayout = 5;

enum class EventKind : std::uint8_t { outcome = 1, feedback = 2 };

// Parts ------------------------------------------------------------------------------------

void put(ByteWriter& out, Timestamp time) {
  out.put_fixed64(static_cast<std::uint64_t>(time.time_since_epoch().count()));
}

Timestamp take_time(ByteReader& in) {
  return Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(in.take_fixed64())));
}

void put(ByteWriter& out, const DecisionId& id) {
  out.put_raw({reinterpret_cast<const char*>(id.bytes().data()), id.bytes().size()});
}

DecisionId take_id(ByteReader& in) {
  std::array<std::uint8_t, 16> bytes{};
  const std::string_view raw = in.take_raw(bytes.size());
  if (raw.size() == bytes.size()) std::memcpy(bytes.data(), raw.data(), bytes.size());
  return DecisionId::from_bytes(bytes);
}

void put(ByteWriter& out, const std::optional<double>& value) {
  out.put_bool(value.has_value());
  if (value) out.put_double(*value);
}

std::optional<double> take_optional_double(ByteReader& in) {
  if (!in.take_bool()) return std::nullopt;
  return in.take_double();
}

void put(ByteWriter& out, const std::optional<std::uint64_t>& value) {
  out.put_bool(value.has_value());
  if (value) out.put_varint(*value);
}

std::optional<std::uint64_t> take_optional_varint(ByteReader& in) {
  if (!in.take_bool()) return std::nullopt;
  return in.take_varint();
}

std::uint32_t take_varint32(ByteReader& in) {
  const std::uint64_t value = in.take_varint();
  if (value > UINT32_MAX) in.set_bad();
  return static_cast<std::uint32_t>(value);
}

void put(ByteWriter& out, const Features& features) {
  out.put_text(features.encoder);
  out.put_varint(features.version);
  out.put_varint(features.values.size());
  for (const float value : features.values) out.put_float(value);
}

Features take_features(ByteReader& in) {
  Features features;
  features.encoder = in.take_text();
  features.version = take_varint32(in);
  features.values.resize(in.take_count(sizeof(float)));
  for (float& value : features.values) value = in.take_float();
  return features;
}

void put(ByteWriter& out, const ArmOutcome& arm) {
  out.put_text(arm.model);
  out.put_double(arm.propensity);
  out.put_double(arm.price_reference);
  put(out, arm.quality);
  put(out, arm.cost_usd);
  put(out, arm.latency_s);
}

ArmOutcome take_arm(ByteReader& in) {
  ArmOutcome arm;
  arm.model = in.take_text();
  arm.propensity = in.take_double();
  arm.price_reference = in.take_double();
  arm.quality = take_optional_double(in);
  arm.cost_usd = take_optional_double(in);
  arm.latency_s = take_optional_double(in);
  return arm;
}

void put(ByteWriter& out, const std::optional<ArmOutcome>& arm) {
  out.put_bool(arm.has_value());
  if (arm) put(out, *arm);
}

std::optional<ArmOutcome> take_optional_arm(ByteReader& in) {
  if (!in.take_bool()) return std::nullopt;
  return take_arm(in);
}

void put(ByteWriter& out, const StoredOutcome& stored) {
  out.put_byte(static_cast<std::uint8_t>(stored.outcome.status));
  put(out, stored.outcome.time);
  put(out, stored.outcome.latency_s);
  put(out, stored.outcome.input_tokens);
  put(out, stored.outcome.output_tokens);
  put(out, stored.outcome.cost_usd);
  out.put_text(stored.outcome.error);
  out.put_text(stored.response_id);
}

/// The oldest that has a place for all of it, so that versions before it can read the others.
std::uint8_t layout_of(const Outcome& outcome) {
  if (outcome.status == Outcome::Status::rejected) return kRejectedLayout;
  if (outcome.status == Outcome::Status::cancelled) return kCancelledLayout;
  return outcome.first_token_s ? kStreamedLayout : kLayout;
}

StoredOutcome take_outcome(ByteReader& in) {
  StoredOutcome stored;
  const std::uint8_t status = in.take_byte();
  if (status > static_cast<std::uint8_t>(Outcome::Status::cancelled)) in.set_bad();
  stored.outcome.status = static_cast<Outcome::Status>(status);
  stored.outcome.time = take_time(in);
  stored.outcome.latency_s = take_optional_double(in);
  stored.outcome.input_tokens = take_optional_varint(in);
  stored.outcome.output_tokens = take_optional_varint(in);
  stored.outcome.cost_usd = take_optional_double(in);
  stored.outcome.error = in.take_text();
  stored.response_id = in.take_text();
  return stored;
}

void put(ByteWriter& out, const Feedback& feedback) {
  out.put_text(feedback.metric);
  out.put_double(feedback.value);
  put(out, feedback.time);
  out.put_text(feedback.judge);
  out.put_text(feedback.idempotency_key);
  out.put_text(feedback.key_scope);
  out.put_text(feedback.comment);
}

Feedback take_feedback(ByteReader& in) {
  Feedback feedback;
  feedback.metric = in.take_text();
  feedback.value = in.take_double();
  feedback.time = take_time(in);
  feedback.judge = in.take_text();
  feedback.idempotency_key = in.take_text();
  feedback.key_scope = in.take_text();
  feedback.comment = in.take_text();
  return feedback;
}

void put_candidates(ByteWriter& out, const Decision& decision) {
  out.put_varint(decision.candidates.size());
  for (const std::string& model : decision.candidates) out.put_text(model);
  for (const double propensity : decision.propensities) out.put_double(propensity);
  out.put_varint(decision.chosen);
  out.put_varint(decision.filtered.size());
  for (const FilteredModel& each : decision.filtered) {
    out.put_text(each.model);
    out.put_text(each.reason);
  }
}

void take_candidates(ByteReader& in, Decision& decision) {
  decision.candidates.resize(in.take_count(1 + sizeof(double)));
  for (std::string& model : decision.candidates) model = in.take_text();
  decision.propensities.resize(decision.candidates.size());
  for (double& propensity : decision.propensities) propensity = in.take_double();
  decision.chosen = static_cast<std::size_t>(in.take_varint());
  if (decision.chosen >= decision.candidates.size()) in.set_bad();
  decision.filtered.resize(in.take_count(2));
  for (FilteredModel& each : decision.filtered) {
    each.model = in.take_text();
    each.reason = in.take_text();
  }
}

std::uint8_t layout_of(const Features& successor_features) {
  return successor_features == Features() ? kLayout : kTwoEncodersLayout;
}

std::uint8_t layout_of(const Decision& decision) {
  if (decision.conversation != 0) return kConversationLayout;
  if (decision.hedge_of) return kHedgeLayout;
  return decision.key.empty() ? layout_of(decision.successor_features) : kKeyedLayout;
}

void put_if_any(ByteWriter& out, const Features& successor_features) {
  if (successor_features != Features()) put(out, successor_features);
}

// Envelope ---------------------------------------------------------------------------------

/// Reads the layout's version, then the value with `take`, and wants nothing to be left over.
tl::unexpected<Error> newer_layout(const char* what, int layout, int newest) {
  return fail(ErrorCode::unsupported, std::string("a ") + what + " in the store has layout " +
                                          std::to_string(layout) + ", this version reads up to " +
                                          std::to_string(newest) + "; run a newer version");
}

tl::unexpected<Error> damaged(const char* what, std::size_t bytes) {
  return fail(ErrorCode::corrupt, std::string("a ") + what + " in the store is damaged (" +
                                      std::to_string(bytes) +
                                      " bytes that do not decode); restore a backup");
}

template <class Take>
auto decode_with(std::string_view bytes, const char* what, Take take, std::uint8_t newest = kLayout)
    -> Result<decltype(take(std::declval<ByteReader&>(), newest))> {
  ByteReader in(bytes);
  const std::uint8_t layout = in.take_byte();
  if (in.good() && layout > newest) return newer_layout(what, layout, newest);
  auto value = take(in, layout);
  if (layout == 0 || !in.at_clean_end()) return damaged(what, bytes.size());
  return value;
}

}  // namespace

// Encoding ---------------------------------------------------------------------------------

void encode(const StoredDecision& value, std::string& out) {
  encode(value.decision, value.deadline, out);
}

void encode(const Decision& decision, Timestamp deadline, std::string& out) {
  ByteWriter writer(out);
  const std::uint8_t layout = layout_of(decision);
  writer.put_byte(layout);
  put(writer, deadline);
  put(writer, decision.id);
  put(writer, decision.time);
  writer.put_text(decision.router);
  writer.put_text(decision.session_id);
  writer.put_bool(decision.query.has_value());
  if (decision.query) writer.put_text(*decision.query);
  put(writer, decision.features);
  put_candidates(writer, decision);
  writer.put_text(decision.would_choose);
  writer.put_double(decision.weights.cost);
  writer.put_double(decision.weights.latency);
  writer.put_varint(decision.policy_version);
  writer.put_double(decision.price_reference);
  writer.put_double(decision.estimated_cost_usd);
  writer.put_varint(decision.estimated_input_tokens);
  if (layout >= kTwoEncodersLayout) put(writer, decision.successor_features);
  if (layout >= kKeyedLayout) writer.put_text(decision.key);
  if (layout >= kHedgeLayout) put(writer, decision.hedge_of.value_or(DecisionId()));
  if (layout >= kConversationLayout) writer.put_fixed64(decision.conversation);
}

void encode(const Event& value, std::string& out) {
  std::visit([&](const auto& event) { encode(event, out); }, value);
}

void encode(const StoredOutcome& value, std::string& out) {
  ByteWriter writer(out);
  const std::uint8_t layout = layout_of(value.outcome);
  writer.put_byte(layout);
  writer.put_byte(static_cast<std::uint8_t>(EventKind::outcome));
  put(writer, value);
  if (layout == kStreamedLayout) writer.put_double(*value.outcome.first_token_s);
  if (layout >= kRejectedLayout) put(writer, value.outcome.first_token_s);
}

void encode(const Feedback& value, std::string& out) {
  ByteWriter writer(out);
  writer.put_byte(kLayout);
  writer.put_byte(static_cast<std::uint8_t>(EventKind::feedback));
  put(writer, value);
}

void encode(const TrainingRow& value, std::string& out) {
  ByteWriter writer(out);
  writer.put_byte(layout_of(value.successor_features));
  writer.put_varint(value.sequence);
  writer.put_varint(value.decision_sequence);
  put(writer, value.decision);
  put(writer, value.time);
  put(writer, value.features);
  writer.put_double(value.weights.cost);
  writer.put_double(value.weights.latency);
  writer.put_varint(value.policy_version);
  writer.put_varint(value.outcomes.size());
  for (const ArmOutcome& arm : value.outcomes) put(writer, arm);
  put(writer, value.replaces);
  put_if_any(writer, value.successor_features);
}

void encode(const JoinMark& value, std::string& out) {
  ByteWriter writer(out);
  writer.put_byte(kLayout);
  writer.put_varint(value.last_row);
  put(writer, value.learned);
}

void encode(const KeyUse& value, std::string& out) {
  ByteWriter writer(out);
  writer.put_byte(kLayout);
  writer.put_varint(value.decision_sequence);
  writer.put_text(value.metric);
  writer.put_double(value.value);
  writer.put_text(value.judge);
}

void encode(const Counters& value, std::string& out) {
  ByteWriter writer(out);
  writer.put_byte(kLayout);
  for (const std::uint64_t counter :
       {value.decisions, value.first_decision, value.rows, value.first_row, value.waiting,
        value.outcomes, value.feedback, value.duplicates}) {
    writer.put_varint(counter);
  }
}

void encode(const TextMarks& value, std::string& out) {
  ByteWriter writer(out);
  writer.put_byte(kLayout);
  writer.put_varint(value.first);
  writer.put_varint(value.erased);
}

// Decoding ---------------------------------------------------------------------------------

Result<StoredDecision> decode_decision(std::string_view bytes) {
  const auto take = [](ByteReader& in, std::uint8_t layout) {
    StoredDecision value;
    Decision& decision = value.decision;
    value.deadline = take_time(in);
    decision.id = take_id(in);
    decision.time = take_time(in);
    decision.router = in.take_text();
    decision.session_id = in.take_text();
    if (in.take_bool()) decision.query = in.take_text();
    decision.features = take_features(in);
    take_candidates(in, decision);
    decision.would_choose = in.take_text();
    decision.weights.cost = in.take_double();
    decision.weights.latency = in.take_double();
    decision.policy_version = in.take_varint();
    decision.price_reference = in.take_double();
    decision.estimated_cost_usd = in.take_double();
    decision.estimated_input_tokens = take_varint32(in);
    if (layout >= kTwoEncodersLayout) decision.successor_features = take_features(in);
    if (layout >= kKeyedLayout) decision.key = in.take_text();
    if (layout >= kHedgeLayout) {
      const DecisionId hedged = take_id(in);
      if (hedged != DecisionId()) decision.hedge_of = hedged;
    }
    if (layout >= kConversationLayout) decision.conversation = in.take_fixed64();
    return value;
  };
  return decode_with(bytes, "decision", take, kConversationLayout);
}

Result<Event> decode_event(std::string_view bytes) {
  const auto take = [](ByteReader& in, std::uint8_t layout) {
    const auto kind = static_cast<EventKind>(in.take_byte());
    if (kind == EventKind::outcome) {
      StoredOutcome stored = take_outcome(in);
      if (layout == kStreamedLayout) stored.outcome.first_token_s = in.take_double();
      if (layout >= kRejectedLayout) stored.outcome.first_token_s = take_optional_double(in);
      return Event(std::move(stored));
    }
    if (kind != EventKind::feedback) in.set_bad();
    return Event(take_feedback(in));
  };
  return decode_with(bytes, "feedback record", take, kCancelledLayout);
}

Result<TrainingRow> decode_row(std::string_view bytes) {
  const auto take = [](ByteReader& in, std::uint8_t layout) {
    constexpr std::size_t kLeastArmBytes = 1 + 2 * sizeof(double) + 3;
    TrainingRow row;
    row.sequence = in.take_varint();
    row.decision_sequence = in.take_varint();
    row.decision = take_id(in);
    row.time = take_time(in);
    row.features = take_features(in);
    row.weights.cost = in.take_double();
    row.weights.latency = in.take_double();
    row.policy_version = in.take_varint();
    row.outcomes.resize(in.take_count(kLeastArmBytes));
    for (ArmOutcome& arm : row.outcomes) arm = take_arm(in);
    row.replaces = take_optional_arm(in);
    if (layout >= kTwoEncodersLayout) row.successor_features = take_features(in);
    return row;
  };
  return decode_with(bytes, "training row", take, kTwoEncodersLayout);
}

Result<JoinMark> decode_join_mark(std::string_view bytes) {
  return decode_with(bytes, "join mark", [](ByteReader& in, std::uint8_t) {
    JoinMark mark;
    mark.last_row = in.take_varint();
    mark.learned = take_optional_arm(in);
    return mark;
  });
}

Result<KeyUse> decode_key_use(std::string_view bytes) {
  return decode_with(bytes, "idempotency key", [](ByteReader& in, std::uint8_t) {
    KeyUse use;
    use.decision_sequence = in.take_varint();
    use.metric = in.take_text();
    use.value = in.take_double();
    use.judge = in.take_text();
    return use;
  });
}

Result<Counters> decode_counters(std::string_view bytes) {
  return decode_with(bytes, "set of counters", [](ByteReader& in, std::uint8_t) {
    Counters value;
    for (std::uint64_t* counter :
         {&value.decisions, &value.first_decision, &value.rows, &value.first_row, &value.waiting,
          &value.outcomes, &value.feedback, &value.duplicates}) {
      *counter = in.take_varint();
    }
    return value;
  });
}

Result<TextMarks> decode_text_marks(std::string_view bytes) {
  return decode_with(bytes, "mark of texts", [](ByteReader& in, std::uint8_t) {
    TextMarks marks;
    marks.first = in.take_varint();
    marks.erased = in.take_varint();
    return marks;
  });
}

}  // namespace yardmaster::replay
