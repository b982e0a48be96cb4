#include "env/model_traits.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace yardmaster::env {
namespace {

// USD per million tokens that cheaper models are taken to cost: 0 has no logarithm, and below this
// the price says more of who pays for the machine than of the model.
constexpr double kLeastPrice = 0.01;

// Models that must have a trait: where fewer have one, nothing is to be read from it of another
// model, and a new one was found no sooner but later (docs/policies.md).
constexpr double kLeastModels = 4;

using Values = std::vector<std::optional<double>>;

std::optional<double> log_of(std::optional<double> value, double least) {
  if (!value) return std::nullopt;
  return std::log(std::max(*value, least));
}

/// Every trait that any model has, a value for each model.
std::map<std::string, Values> collect(std::span<const ModelSpec> models) {
  std::map<std::string, Values> traits;
  const auto put = [&](std::size_t model, const std::string& name, std::optional<double> value) {
    if (value) traits.try_emplace(name, models.size()).first->second[model] = value;
  };
  for (std::size_t i = 0; i < models.size(); ++i) {
    const ModelSpec& model = models[i];
    put(i, "input_usd_per_mtok", log_of(model.input_usd_per_mtok, kLeastPrice));
    put(i, "output_usd_per_mtok", log_of(model.output_usd_per_mtok, kLeastPrice));
    put(i, "context_tokens", log_of(model.context_tokens, 1));
    put(i, "size_b", log_of(model.size_b, 1e-3));
    for (const auto& [name, score] : model.scores) put(i, "scores." + name, score);
  }
  return traits;
}

/// To mean 0 and deviation 1; false where too few models have it, or where they do not differ.
bool standardise(Values& values) {
  double count = 0, sum = 0, squares = 0;
  for (const auto& value : values) {
    if (!value) continue;
    ++count;
    sum += *value;
  }
  if (count < kLeastModels) return false;
  const double mean = sum / count;
  for (const auto& value : values) squares += value ? (*value - mean) * (*value - mean) : 0;
  const double deviation = std::sqrt(squares / count);
  if (!(deviation > 1e-9 * (1 + std::abs(mean)))) return false;
  for (auto& value : values) value = value ? (*value - mean) / deviation : 0;
  return true;
}

}  // namespace

ModelTraits::ModelTraits(std::span<const ModelSpec> models) {
  std::vector<Values> kept;
  for (auto& [name, values] : collect(models)) {
    if (!standardise(values)) continue;
    names_.push_back(name);
    kept.push_back(std::move(values));
  }
  unknown_.assign(size(), 0.0);
  const double share = kept.empty() ? 1 : 1 / std::sqrt(static_cast<double>(kept.size()));
  for (std::size_t i = 0; i < models.size(); ++i) {
    std::vector<double>& own = values_[models[i].name];
    for (const Values& values : kept) own.push_back(*values[i] * share);
  }
}

std::span<const double> ModelTraits::of(std::string_view model) const {
  const auto found = values_.find(model);
  return found == values_.end() ? std::span<const double>(unknown_) : found->second;
}

}  // namespace yardmaster::env
