#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/decision.h"
#include "base/result.h"
#include "base/training_row.h"
#include "env/encoder.h"
#include "env/outcome_data.h"
#include "policies/policy.h"

namespace yardmaster::agent {

/// An outcome data set ready to be replayed: every query encoded once.
struct SimulationData {
  struct Cell {
    bool present = false;  ///< the line has an outcome of this model
    std::optional<double> quality;
    double cost_usd = 0;  ///< rows without a cost cost nothing
    std::optional<double> latency_s;
  };

  std::vector<std::string> models;       ///< in the order in which the file names them first
  std::vector<double> price_references;  ///< a model each, USD; 0: unknown
  std::string encoder;
  std::uint32_t encoder_version = 0;
  std::size_t dimension = 0;
  std::vector<float> features;  ///< rows x dimension
  std::vector<Cell> cells;      ///< rows x models
  std::vector<env::RefusedLine> refused;

  std::size_t rows() const { return models.empty() ? 0 : cells.size() / models.size(); }
  std::span<const float> features_of(std::size_t row) const {
    return std::span(features).subspan(row * dimension, dimension);
  }
  const Cell& cell(std::size_t row, std::size_t model) const {
    return cells[row * models.size() + model];
  }
};

/// Called now and then with the part that is done, in [0, 1].
using Progress = std::function<void(double)>;

/// Reads and encodes a data set. Prices come from a models.json beside it, if there is one. Fails
/// with io if the file cannot be read, with invalid_argument if it holds no good line.
Result<SimulationData> load_simulation_data(const std::string& path, const env::Encoder& encoder,
                                            const Progress& progress);

struct SimulationOptions {
  ObjectiveWeights weights;
  std::vector<std::uint64_t> seeds{0, 1, 2};
  std::uint64_t rounds = 0;          ///< 0: once through the data
  std::uint64_t feedback_delay = 0;  ///< decisions between a choice and the learning of its row
  double feedback_rate = 1;          ///< part of the rows whose quality becomes known
  double exploration_floor = 0.001;
  double half_life_decisions = 0;
  const SimulationData* warm_start = nullptr;  ///< learned first, every model's outcome known
};

/// What a policy achieved: means over rounds, then over seeds.
struct SimulationResult {
  std::string policy;
  double mean_reward = 0;
  double mean_quality = 0;
  double mean_cost_usd = 0;
  double last_quarter_reward = 0;  ///< mean over the last quarter of the rounds
  double regret = 0;               ///< sum over rounds against the best model for each query
  std::array<double, 2> ci95{};    ///< of mean_reward over seeds (Student t); equal for one seed
  double decisions_per_s = 0;      ///< decide and learn, encoding excluded
};

/// Makes the learner that one seed starts from.
using LearnerFactory =
    std::function<Result<std::unique_ptr<policies::Learner>>(std::uint64_t seed)>;

/// Replays the data once for each seed: rows shuffled by the seed (again for every pass), the
/// policy sees a query's features, one model is drawn from its distribution, and it learns that
/// model's outcome alone. A missing quality counts as 0 in the reward, and is not learned.
/// Fails with what making a learner or learning a row fails with.
Result<SimulationResult> simulate(const SimulationData& data, std::string_view name,
                                  const LearnerFactory& make_learner,
                                  const SimulationOptions& options, const Progress& progress);

/// The same with a policy by its name. Fails with invalid_argument for an unknown one.
Result<SimulationResult> simulate(const SimulationData& data, std::string_view policy,
                                  const SimulationOptions& options, const Progress& progress);

/// What needs no learning, on the same shuffles: best_fixed (the model with the best mean reward
/// over the whole data), random, oracle (the best model for each query).
std::vector<SimulationResult> simulate_baselines(const SimulationData& data,
                                                 const SimulationOptions& options);

/// As a training row: the outcomes of all models, or of the given one alone.
TrainingRow training_row(const SimulationData& data, std::size_t row,
                         std::optional<std::size_t> model, const ObjectiveWeights& weights);

}  // namespace yardmaster::agent
