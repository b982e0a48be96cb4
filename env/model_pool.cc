#include "env/model_pool.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace yardmaster::env {
namespace {

bool valid_price(const std::optional<double>& price) {
  return !price || (std::isfinite(*price) && *price >= 0);
}

}  // namespace

double ModelSpec::price_reference() const { return cost_usd(750, 250).value_or(0); }

std::optional<double> ModelSpec::cost_usd(double input_tokens, double output_tokens) const {
  if (!input_usd_per_mtok || !output_usd_per_mtok) return std::nullopt;
  return (input_tokens * *input_usd_per_mtok + output_tokens * *output_usd_per_mtok) * 1e-6;
}

double ModelSpec::cache_saving_usd(double tokens) const {
  if (!input_usd_per_mtok || !cache_read_usd_per_mtok) return 0;
  return std::max(0.0, tokens * (*input_usd_per_mtok - *cache_read_usd_per_mtok) * 1e-6);
}

Result<ModelPool> ModelPool::make(std::vector<ModelSpec> models) {
  if (models.empty()) {
    return fail(ErrorCode::invalid_argument, "models is empty; name at least one model");
  }
  std::set<std::string_view> names;
  for (const ModelSpec& model : models) {
    if (model.name.empty()) {
      return fail(ErrorCode::invalid_argument, "a model has no name; give each one a name");
    }
    if (!names.insert(model.name).second) {
      return fail(ErrorCode::invalid_argument,
                  "model '" + model.name + "' is listed twice; give each model its own name");
    }
    if (!valid_price(model.input_usd_per_mtok) || !valid_price(model.output_usd_per_mtok) ||
        !valid_price(model.cache_read_usd_per_mtok) ||
        !valid_price(model.cache_write_usd_per_mtok)) {
      return fail(ErrorCode::invalid_argument,
                  "model '" + model.name +
                      "' has a price that is negative or not a number; "
                      "prices are USD per million tokens, 0 or more");
    }
  }
  return ModelPool(std::move(models));
}

const ModelSpec* ModelPool::find(std::string_view name) const {
  for (const ModelSpec& model : models_) {
    if (model.name == name) return &model;
  }
  return nullptr;
}

}  // namespace yardmaster::env
