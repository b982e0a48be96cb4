#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"

namespace yardmaster::env {

/// What every model makes of every query: what a cascade environment plays over. The spans belong
/// to the caller; a row of `quality` has one entry a model, negative where it has no outcome.
struct CascadeTable {
  std::size_t models = 0;
  std::size_t dimension = 0;
  std::span<const float> features;  ///< rows x dimension
  std::span<const double> quality;  ///< rows x models, in [0, 1]
  std::span<const double> cost;     ///< rows x models, USD

  std::size_t rows() const { return quality.size() / models; }
};

struct CascadeRules {
  std::size_t tries = 3;     ///< after so many drafts an episode is cut off
  double judge_error = 0.1;  ///< probability with which a draft's score is turned round
  double cost_weight = 30;   ///< quality per USD
};

/// A query answered by a cascade of models, as an environment of steps. The rules, whole, so that
/// it can be written again elsewhere:
///
/// - An episode is one query. Actions 0 to models - 1 have that model draft an answer; action
///   `models` stops. A model that has no outcome for the query, or has drafted, is not allowed;
///   stopping is not allowed before the first draft.
/// - A draft is scored by a judge who sees the answer's quality q: the score is q, and with
///   probability judge_error 1 - q instead, drawn once a draft.
/// - Drafting gives the reward -cost_weight * cost. Stopping gives the quality of the draft with
///   the highest score, the latest of several, and terminates.
/// - After `tries` drafts, or when no model is left, the episode is truncated: its last reward is
///   that of the draft, and the best draft is delivered all the same. A learner bootstraps from
///   the state that it was cut off at; what the episode was worth counts the delivered quality.
/// - The observation: the query's features; for each model the score of its draft, 0 without; for
///   each model 1 if it has drafted, else 0; the highest score so far, 0 without; drafts / tries.
///
/// Draws come from one stream. Not thread-safe; refers to the table.
class CascadeEnvironment {
 public:
  CascadeEnvironment(const CascadeTable& table, const CascadeRules& rules, std::uint64_t seed);

  std::size_t observation_size() const { return table_.dimension + 2 * table_.models + 2; }
  std::size_t actions() const { return table_.models + 1; }
  std::size_t stop() const { return table_.models; }

  /// Begins an episode with a row that has at least one outcome.
  void reset(std::size_t row);

  void observe(std::span<float> out) const;         ///< observation_size() values
  void allowed(std::span<std::uint8_t> out) const;  ///< actions() values, 1 where allowed

  struct Step {
    double reward = 0;
    bool terminated = false;
    bool truncated = false;
  };

  /// Takes an allowed action of an episode that has not ended.
  Step step(std::size_t action);

  double delivered_quality() const;              ///< of the best draft so far; 0 without
  double cost_usd() const { return cost_usd_; }  ///< of all drafts so far

  /// What the episode was worth: the delivered quality minus the weighed cost.
  double worth() const { return delivered_quality() - rules_.cost_weight * cost_usd_; }

 private:
  struct Draft {
    std::size_t model = 0;
    double score = 0;
  };

  double quality(std::size_t model) const { return table_.quality[row_ * table_.models + model]; }
  bool may_draft(std::size_t model) const;
  const Draft* best() const;

  CascadeTable table_;
  CascadeRules rules_;
  Rng judge_;
  std::size_t row_ = 0;
  std::vector<Draft> drafts_;
  double cost_usd_ = 0;
};

}  // namespace yardmaster::env
