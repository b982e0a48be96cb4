#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "policies/linear_model.h"
#include "tests/unit/policies/observation_builder.h"

namespace yardmaster::policies {

inline constexpr std::size_t kDimension = 3;

/// One level and no evidence to pick another, so that the posterior has a closed form.
inline LinearOptions one_level(std::uint64_t rebuild_rows = 4096) {
  LinearOptions options;
  options.dimension = kDimension;
  options.prior.own_weights = {7};
  options.prior.default_level = 0;
  options.rebuild_rows = rebuild_rows;
  return options;
}

struct Observed {
  std::size_t arm;
  std::vector<float> features;
  double quality;
  double weight = 1;
};

inline std::vector<Observed> random_rows(std::size_t arms, int count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<Observed> rows;
  for (int i = 0; i < count; ++i) {
    std::vector<float> features(kDimension);
    for (float& value : features) value = static_cast<float>(rng.normal());
    const auto arm = static_cast<std::size_t>(rng.below(arms));
    const double mean = 0.2 * static_cast<double>(arm) + 0.3 * features[0] -
                        0.1 * features[1] * static_cast<double>(arm);
    rows.push_back({arm, features, mean + 0.1 * rng.normal()});
  }
  return rows;
}

inline std::vector<Score> score(const LinearView& view, const std::vector<float>& features,
                                const std::vector<std::string>& names,
                                ObjectiveWeights weights = {0, 0}, double price_reference = 0) {
  ObservationBuilder builder(features, names);
  for (auto& candidate : builder.candidates()) candidate.price_reference = price_reference;
  std::vector<Score> scores(names.size());
  const auto status = view.score(builder.at(0, weights), true, scores);
  EXPECT_TRUE(status);
  return scores;
}

/// The joint posterior by brute force: all arms' weights, the shared ones and the effects of the
/// arms' traits in one ridge regression, solved by elimination. Returns what it expects of each arm
/// at `features`.
inline std::vector<double> joint_ridge(const LinearPrior& prior, std::size_t arms,
                                       const std::vector<Observed>& rows,
                                       const std::vector<float>& features,
                                       const std::vector<std::vector<double>>& traits = {}) {
  constexpr std::size_t kN = kDimension + 1;
  const std::size_t weights = kN * (arms + 1);
  const std::size_t size = weights + (traits.empty() ? 0 : traits[0].size());
  std::vector<std::vector<double>> equations(size, std::vector<double>(size + 1));
  for (std::size_t i = 0; i < size; ++i) {
    const bool shared = i < kN, intercept = i % kN == 0;
    equations[i][i] = i >= weights ? prior.trait
                      : shared     ? (intercept ? prior.shared_intercept : prior.shared_weight)
                                   : (intercept ? prior.own_intercept : prior.own_weights[0]);
  }
  equations[0][size] = prior.shared_intercept * 0.5;  // the prior's mean quality
  const auto design = [&](std::size_t arm, const std::vector<float>& x) {
    std::vector<double> out(size);
    for (const std::size_t first : {std::size_t{0}, kN * (arm + 1)}) {
      out[first] = 1;
      for (std::size_t i = 0; i < kDimension; ++i) out[first + 1 + i] = x[i];
    }
    for (std::size_t i = weights; i < size; ++i) out[i] = traits[arm][i - weights];
    return out;
  };
  for (const Observed& row : rows) {
    const auto x = design(row.arm, row.features);
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = 0; j < size; ++j) equations[i][j] += row.weight * x[i] * x[j];
      equations[i][size] += row.weight * x[i] * row.quality;
    }
  }
  for (std::size_t pivot = 0; pivot < size; ++pivot) {
    for (std::size_t i = 0; i < size; ++i) {
      if (i == pivot) continue;
      const double factor = equations[i][pivot] / equations[pivot][pivot];
      for (std::size_t j = pivot; j <= size; ++j) equations[i][j] -= factor * equations[pivot][j];
    }
  }
  std::vector<double> out;
  for (std::size_t arm = 0; arm < arms; ++arm) {
    const auto x = design(arm, features);
    double mean = 0;
    for (std::size_t i = 0; i < size; ++i) mean += x[i] * equations[i][size] / equations[i][i];
    out.push_back(mean);
  }
  return out;
}

inline void learn_all(LinearModel& model, const std::vector<Observed>& rows) {
  std::uint64_t sequence = 0;
  for (const Observed& row : rows) {
    const auto learned = model.learn(
        quality_row(++sequence, row.features, "m" + std::to_string(row.arm), row.quality));
    ASSERT_TRUE(learned);
  }
}

}  // namespace yardmaster::policies
