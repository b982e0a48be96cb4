#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/training_row.h"
#include "env/observation.h"

namespace yardmaster::policies {

/// An observation that owns what its spans point to. Not copyable: the candidates point into it.
class ObservationBuilder {
 public:
  ObservationBuilder(std::vector<float> features, std::vector<std::string> models)
      : features_(std::move(features)), models_(std::move(models)) {
    for (const std::string& model : models_) candidates_.push_back({model, 0, 0});
  }

  ObservationBuilder(const ObservationBuilder&) = delete;
  ObservationBuilder& operator=(const ObservationBuilder&) = delete;

  /// Valid as long as this.
  env::Observation at(std::uint64_t decisions, ObjectiveWeights weights = {0, 0}) const {
    return {features_, candidates_, weights, decisions};
  }

  std::vector<env::Candidate>& candidates() { return candidates_; }

 private:
  std::vector<float> features_;
  std::vector<std::string> models_;
  std::vector<env::Candidate> candidates_;
};

/// A row of one outcome. Its sequence and its decision's are `sequence`.
inline TrainingRow quality_row(std::uint64_t sequence, std::vector<float> features,
                               std::string model, double quality) {
  TrainingRow row;
  row.sequence = row.decision_sequence = sequence;
  row.features = {"test", 1, std::move(features)};
  ArmOutcome outcome;
  outcome.model = std::move(model);
  outcome.quality = quality;
  row.outcomes.push_back(std::move(outcome));
  return row;
}

/// "m0", "m1", ...
inline std::vector<std::string> model_names(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back("m" + std::to_string(i));
  return names;
}

}  // namespace yardmaster::policies
