#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/decision_id.h"
#include "base/time.h"

namespace yardmaster {

/// What an encoder made of a query. Features of two encoders, or of two versions of one, are
/// never mixed: a policy learns from and decides on one (encoder, version) only.
struct Features {
  std::string encoder;        ///< "static", "hash", ...
  std::uint32_t version = 0;  ///< of the encoder's tables and code
  std::vector<float> values;

  friend bool operator==(const Features&, const Features&) = default;
};

/// What the reward subtracts from quality.
struct ObjectiveWeights {
  double cost = 30;    ///< quality per USD
  double latency = 0;  ///< quality per second

  friend bool operator==(const ObjectiveWeights&, const ObjectiveWeights&) = default;
};

/// A model left out of a decision, and why.
struct FilteredModel {
  std::string model;
  std::string reason;

  friend bool operator==(const FilteredModel&, const FilteredModel&) = default;
};

/// One choice of a model: what could be chosen, with which probability, and what was.
struct Decision {
  DecisionId id;
  Timestamp time;
  std::string router;
  std::string session_id;            ///< empty: none
  std::uint64_t conversation = 0;    ///< by which the next turn finds this one, where the client
                                     ///< gave no id; 0: it did, or no turn can follow
  std::string key;                   ///< name of the API key that asked; empty: without keys
  std::optional<std::string> query;  ///< kept only where the config says so
  Features features;                 ///< empty where the client named the model
  Features successor_features;       ///< of the encoder that is to take over; empty: none is

  std::vector<std::string> candidates;
  std::vector<double> propensities;  ///< in the order of candidates; sums to 1
  std::size_t chosen = 0;            ///< index into candidates
  std::vector<FilteredModel> filtered;

  /// The decision of the same query whose model was slow to answer, so that this one's was called
  /// beside it.
  std::optional<DecisionId> hedge_of;

  /// Mode observe, or the part of the traffic that `share` leaves out: what the policy would
  /// have chosen. Empty where the policy's choice was served.
  std::string would_choose;

  ObjectiveWeights weights;
  std::uint64_t policy_version = 0;  ///< training rows that the policy had learned

  double price_reference = 0;     ///< ModelSpec::price_reference() of the chosen model, USD
  double estimated_cost_usd = 0;  ///< of the chosen model; stands in for a cost never reported
  std::uint32_t estimated_input_tokens = 0;

  const std::string& model() const { return candidates[chosen]; }
  double propensity() const { return propensities[chosen]; }

  friend bool operator==(const Decision&, const Decision&) = default;
};

/// What the upstream did with a query.
struct Outcome {
  /// `rejected`: the upstream refused the query as the client's mistake, which says nothing about
  /// the model, so nothing is learned from it. `cancelled`: whoever called gave it up before the
  /// answer was there, so that its cost alone is learned.
  enum class Status { ok, error, rejected, cancelled };

  Status status = Status::ok;
  Timestamp time;  ///< when it was reported
  std::optional<double> latency_s;
  std::optional<double> first_token_s;  ///< of a streamed answer: until its first chunk
  std::optional<std::uint64_t> input_tokens;
  std::optional<std::uint64_t> output_tokens;
  std::optional<double> cost_usd;  ///< reported, or tokens times prices
  std::string error;               ///< what went wrong, for people; empty if ok

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

/// One judge's value of one metric for one decision.
struct Feedback {
  std::string metric;
  double value = 0;
  Timestamp time;
  std::string judge;            ///< the API key's name unless the caller named one
  std::string idempotency_key;  ///< empty: none; scoped to `key_scope`
  std::string key_scope;        ///< the API key that sent it; empty without keys
  std::string comment;

  friend bool operator==(const Feedback&, const Feedback&) = default;
};

/// "ok", "error", "rejected", "cancelled": in the API and in decision logs.
std::string_view to_string(Outcome::Status status);
std::optional<Outcome::Status> parse_outcome_status(std::string_view name);

/// Whether a call that ended so is taken to cost what was expected, where nobody says what it did.
bool is_billed(Outcome::Status status);

/// A line of the decision log: a decision and what came of it.
struct DecisionRecord {
  std::uint64_t sequence = 0;  ///< position in the log, dense from 1
  Decision decision;
  std::optional<Outcome> outcome;
  std::vector<Feedback> feedback;  ///< in the order of arrival, corrections included
  std::string response_id;         ///< the upstream's name of its answer; empty: none
};

}  // namespace yardmaster
