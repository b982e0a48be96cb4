#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/simulation/data.h"
#include "agent/simulation/scenario.h"
#include "base/result.h"

namespace yardmaster::agent {

/// Rounds between which nothing changes.
struct Stretch {
  std::uint64_t first = 0;                          ///< round
  std::uint64_t end = 0;                            ///< the round after its last
  std::vector<double> cost_factor, quality_factor;  ///< a model each
  std::vector<bool> present;                        ///< a model each: it is a candidate
  std::vector<std::size_t> changed;                 ///< models that an event at `first` names
  std::size_t best = 0;  ///< the candidate with the best mean reward over the data as it is now
};

/// What one round came to.
struct RoundScore {
  double reward = 0;
  double quality = 0;
  double cost_usd = 0;
  double oracle_reward = 0;     ///< of the best candidate for this query
  double reference_reward = 0;  ///< of the stretch's best fixed model on this query
  bool changed_model = false;   ///< the model chosen is one that the stretch's events name
};

/// What a replay happens in: the data, and what a scenario makes of it from round to round.
/// Immutable; holds a reference to the data.
class World {
 public:
  /// Fails with invalid_argument where an event names a model that the data has not, or a round
  /// that is not played, or leaves no candidate.
  static Result<World> make(const SimulationData& data, const std::vector<ScenarioEvent>& events,
                            std::uint64_t rounds, const ObjectiveWeights& weights);

  const SimulationData& data() const { return *data_; }
  const ObjectiveWeights& weights() const { return weights_; }
  std::uint64_t rounds() const { return stretches_.back().end; }
  const std::vector<Stretch>& stretches() const { return stretches_; }
  const Stretch& at(std::uint64_t round) const;

  /// The model with the best mean reward over all rounds; where it is absent, the row's first
  /// candidate stands in for it.
  std::size_t best_fixed() const { return best_fixed_; }

  /// Models that may serve the row: present in the stretch and in the row.
  void candidates(const Stretch& stretch, std::size_t row, std::vector<std::size_t>& out) const;

  bool may_serve(const Stretch& stretch, std::size_t row, std::size_t model) const;

  SimulationData::Cell cell(const Stretch& stretch, std::size_t row, std::size_t model) const;
  double price_reference(const Stretch& stretch, std::size_t model) const {
    return data_->price_references[model] * stretch.cost_factor[model];
  }
  double reward(const SimulationData::Cell& cell) const;

  /// The candidate with the highest reward for the row.
  std::size_t oracle(const Stretch& stretch, std::size_t row) const;

  /// The model if it may serve the row, else the row's first candidate.
  std::size_t or_first(const Stretch& stretch, std::size_t row, std::size_t model) const;

  /// What it comes to when the model serves the row.
  RoundScore score(const Stretch& stretch, std::size_t row, std::size_t model) const;

  /// The index of a model by name, or of the best fixed one by `best`. Fails with
  /// invalid_argument.
  Result<std::size_t> find(std::string_view model) const;

 private:
  World(const SimulationData& data, const ObjectiveWeights& weights)
      : data_(&data), weights_(weights) {}

  Status find_bests();

  const SimulationData* data_;
  ObjectiveWeights weights_;
  std::vector<Stretch> stretches_;  ///< at least one, gapless
  std::size_t best_fixed_ = 0;
};

/// Rows in a seed's order: a permutation, and another for every further pass. The first
/// `warm_rows` of the first permutation are set aside and never played.
class RowOrder {
 public:
  RowOrder(std::size_t rows, std::size_t warm_rows, std::uint64_t seed);

  const std::vector<std::size_t>& warm_rows() const { return warm_; }

  /// The next row that has a candidate in the stretch. Fails with invalid_argument where none has.
  Result<std::size_t> next(const World& world, const Stretch& stretch);

 private:
  void shuffle();

  std::vector<std::size_t> order_, warm_;
  std::size_t place_ = 0;
  Rng rng_;
  std::vector<std::size_t> scratch_;
};

}  // namespace yardmaster::agent
