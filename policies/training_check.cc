#include "policies/training_check.h"

#include <cmath>
#include <optional>
#include <string>

namespace yardmaster::policies {

namespace {

// Sums of squares stay finite below it.
constexpr double kValueBound = 1e9;

bool within(const std::optional<double>& value, double low) {
  return !value || (std::isfinite(*value) && *value >= low && *value <= kValueBound);
}

const char* wrong_part(const ArmOutcome& outcome) {
  if (outcome.model.empty()) return "has an empty name";
  if (!within(outcome.quality, -kValueBound)) return "has a quality that is not finite";
  if (!within(outcome.cost_usd, 0)) return "has a cost_usd outside 0 to 1e9";
  if (!within(outcome.latency_s, 0)) return "has a latency_s outside 0 to 1e9";
  if (!within(outcome.price_reference, 0)) {
    return "has a price_reference outside 0 to 1e9";
  }
  return nullptr;
}

Status check_outcome(const TrainingRow& row, const ArmOutcome& outcome) {
  const char* wrong = wrong_part(outcome);
  if (wrong == nullptr) return {};
  return fail(ErrorCode::invalid_argument, "training row " + std::to_string(row.sequence) +
                                               ": model '" + outcome.model + "' " + wrong +
                                               "; correct the row");
}

}  // namespace

Status check_training_row(const TrainingRow& row, std::size_t dimension) {
  const std::string name = "training row " + std::to_string(row.sequence);
  if (row.features.values.size() != dimension) {
    return fail(ErrorCode::invalid_argument,
                name + ": " + std::to_string(row.features.values.size()) +
                    " features where the policy expects " + std::to_string(dimension));
  }
  for (const float value : row.features.values) {
    if (!std::isfinite(value)) {
      return fail(ErrorCode::invalid_argument, name + ": a feature is not finite");
    }
  }
  for (const ArmOutcome& outcome : row.outcomes) {
    if (auto status = check_outcome(row, outcome); !status) return status;
  }
  return row.replaces ? check_outcome(row, *row.replaces) : Status{};
}

}  // namespace yardmaster::policies
