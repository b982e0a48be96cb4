#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/decision.h"
#include "base/result.h"
#include "base/training_row.h"
#include "env/encoder.h"
#include "env/model_traits.h"
#include "env/outcome_data.h"

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
  env::ModelTraits traits;
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

/// Reads and encodes a data set. Prices and traits come from a models.json beside it, if there is
/// one. Fails with io if the file cannot be read, with invalid_argument if it holds no good line.
Result<SimulationData> load_simulation_data(const std::string& path, const env::Encoder& encoder,
                                            const Progress& progress);

/// The query of a row as a training row, without outcomes.
TrainingRow empty_training_row(const SimulationData& data, std::size_t row,
                               const ObjectiveWeights& weights);

/// The row with the outcomes of all its models.
TrainingRow full_training_row(const SimulationData& data, std::size_t row,
                              const ObjectiveWeights& weights);

}  // namespace yardmaster::agent
