#pragma once

#include <rapidcheck.h>

#include <bit>
#include <cmath>
#include <numeric>
#include <string>

#include "base/decision.h"
#include "base/training_row.h"
#include "replay/codec.h"

/// RapidCheck generators of everything that the store keeps.
namespace yardmaster::replay {

// Any bits that are finite, so that the whole range comes up and not only the round numbers that
// RapidCheck likes; a multiplication by an odd number spreads its small integers over all bits.

inline double any_double() {
  return *rc::gen::suchThat(
      rc::gen::map(
          rc::gen::arbitrary<std::uint64_t>(),
          [](std::uint64_t bits) { return std::bit_cast<double>(bits * 0x9e3779b97f4a7c15ULL); }),
      [](double value) { return std::isfinite(value); });
}

/// A number of 0 or more.
inline double any_amount() { return std::abs(any_double()); }

inline float any_float() {
  return *rc::gen::suchThat(
      rc::gen::map(rc::gen::arbitrary<std::uint32_t>(),
                   [](std::uint32_t bits) { return std::bit_cast<float>(bits * 2654435761U); }),
      [](float value) { return std::isfinite(value); });
}

/// Printable ASCII, quotes, escapes, control characters and letters of other scripts.
inline std::string any_text() {
  return *rc::gen::map(
      rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
          "a", "Z", "7", " ", "\"", "\\", "/", "\n", "\t", "\x01", "\x7f", "é", "漢", "😀")),
      [](const std::vector<std::string>& parts) {
        std::string out;
        for (const std::string& part : parts) out += part;
        return out;
      });
}

/// Between the years 1906 and 2096, both sides of 1970.
inline Timestamp any_time() {
  return Timestamp(std::chrono::microseconds(
      *rc::gen::inRange<std::int64_t>(-2'000'000'000'000'000, 4'000'000'000'000'000)));
}

inline DecisionId any_id() {
  Rng rng(*rc::gen::arbitrary<std::uint64_t>());
  return DecisionId::make(Timestamp(std::chrono::milliseconds(1'767'225'600'000)), rng);
}

template <class Make>
auto maybe(Make make) -> std::optional<decltype(make())> {
  if (*rc::gen::arbitrary<bool>()) return make();
  return std::nullopt;
}

inline std::uint64_t any_count() { return *rc::gen::arbitrary<std::uint64_t>(); }

inline Features any_features() {
  Features features;
  features.encoder = any_text();
  features.version = *rc::gen::arbitrary<std::uint32_t>();
  features.values.resize(*rc::gen::inRange<std::size_t>(0, 9));
  for (float& value : features.values) value = any_float();
  return features;
}

inline Decision any_decision() {
  Decision decision;
  decision.id = any_id();
  decision.time = any_time();
  decision.router = any_text();
  decision.session_id = any_text();
  decision.key = any_text();
  if (*rc::gen::arbitrary<bool>()) decision.conversation = any_count();
  decision.query = maybe(any_text);
  decision.features = any_features();
  if (*rc::gen::arbitrary<bool>()) decision.successor_features = any_features();
  const auto models = *rc::gen::inRange<std::size_t>(1, 6);
  for (std::size_t i = 0; i < models; ++i) {
    decision.candidates.push_back("model-" + std::to_string(i) + any_text());
    decision.propensities.push_back(
        static_cast<double>(*rc::gen::inRange<std::int64_t>(1, 1LL << 53)) * 0x1.0p-53);
  }
  const double sum =
      std::accumulate(decision.propensities.begin(), decision.propensities.end(), 0.0);
  for (double& propensity : decision.propensities) propensity /= sum;
  decision.chosen = *rc::gen::inRange<std::size_t>(0, models);
  if (*rc::gen::arbitrary<bool>()) decision.filtered.push_back({any_text(), any_text()});
  decision.hedge_of = maybe(any_id);
  decision.would_choose = any_text();
  decision.weights = {any_double(), any_double()};
  decision.policy_version = any_count();
  decision.price_reference = any_amount();
  decision.estimated_cost_usd = any_amount();
  decision.estimated_input_tokens = *rc::gen::arbitrary<std::uint32_t>();
  return decision;
}

inline Outcome any_outcome() {
  Outcome outcome;
  outcome.status = *rc::gen::element(Outcome::Status::ok, Outcome::Status::error,
                                     Outcome::Status::rejected, Outcome::Status::cancelled);
  outcome.time = any_time();
  outcome.latency_s = maybe(any_amount);
  outcome.first_token_s = maybe(any_amount);
  outcome.input_tokens = maybe(any_count);
  outcome.output_tokens = maybe(any_count);
  outcome.cost_usd = maybe(any_amount);
  outcome.error = any_text();
  return outcome;
}

inline Feedback any_feedback() {
  Feedback feedback;
  feedback.metric = any_text();
  feedback.value = any_double();
  feedback.time = any_time();
  feedback.judge = any_text();
  feedback.idempotency_key = any_text();
  feedback.key_scope = any_text();
  feedback.comment = any_text();
  return feedback;
}

inline ArmOutcome any_arm() {
  return {any_text(),        any_double(),      any_double(),
          maybe(any_double), maybe(any_double), maybe(any_double)};
}

inline TrainingRow any_row() {
  TrainingRow row;
  row.sequence = any_count();
  row.decision_sequence = any_count();
  row.decision = any_id();
  row.time = any_time();
  row.features = any_features();
  if (*rc::gen::arbitrary<bool>()) row.successor_features = any_features();
  row.weights = {any_double(), any_double()};
  row.policy_version = any_count();
  row.outcomes.resize(*rc::gen::inRange<std::size_t>(0, 4));
  for (ArmOutcome& arm : row.outcomes) arm = any_arm();
  row.replaces = maybe(any_arm);
  return row;
}

}  // namespace yardmaster::replay
