#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "env/model_pool.h"

namespace yardmaster::env {

/// What is known of the pool's models before any of them has served, in numbers that policies can
/// compare them by: logarithms of the prices, of the context window and of the size, and the
/// benchmark scores. Each trait is scaled to mean 0 and deviation 1 over the models that have it,
/// then divided by the root of the number of traits, so that a model's traits have a squared norm
/// of about 1 however many there are. What is not known of a model is 0, the mean. A trait in which
/// no two models differ says nothing and is left out, as is one that fewer than four have. A value.
class ModelTraits {
 public:
  ModelTraits() = default;
  explicit ModelTraits(std::span<const ModelSpec> models);

  /// How many there are, and what they are called: "input_usd_per_mtok", "size_b", "scores.NAME"...
  std::size_t size() const { return names_.size(); }
  const std::vector<std::string>& names() const { return names_; }

  /// size() values of a model; zeros for one that is not of the pool.
  std::span<const double> of(std::string_view model) const;

 private:
  std::vector<std::string> names_;
  std::map<std::string, std::vector<double>, std::less<>> values_;
  std::vector<double> unknown_;
};

}  // namespace yardmaster::env
