// Two figures that `simulate` alone cannot give, on one data set at cost weight 30, 10 seeds:
//   warm start   learned from half of the rows with every model's outcome, then online on the
//                other half: at most .003 below ridge regression with full information on both
//   permuted     queries exchanged among the rows: at most .005 above the best fixed model
// Usage: learning_check OUTCOMES.jsonl. Exit code 1 where a bound is broken.

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <numeric>
#include <vector>

#include "agent/simulation.h"
#include "base/random.h"
#include "env/objective.h"
#include "policies/kernels.h"

namespace {

using namespace yardmaster;
using agent::SimulationData;

constexpr double kCostWeight = 30;
constexpr std::uint64_t kSeeds = 10;
constexpr std::size_t kRefitRows = 250;
const agent::Progress kSilent = [](double) {};

SimulationData subset(const SimulationData& data, const std::vector<std::size_t>& rows) {
  SimulationData out = data;
  out.features.clear();
  out.cells.clear();
  for (const std::size_t row : rows) {
    const auto features = data.features_of(row);
    out.features.insert(out.features.end(), features.begin(), features.end());
    for (std::size_t model = 0; model < data.models.size(); ++model) {
      out.cells.push_back(data.cell(row, model));
    }
  }
  return out;
}

std::vector<std::size_t> shuffled(std::size_t count, std::uint64_t seed) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  Rng rng(seed, 99);
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
  return order;
}

double reward_of(const SimulationData& data, std::size_t row, std::size_t model) {
  const auto& cell = data.cell(row, model);
  return env::reward(cell.quality.value_or(0), cell.cost_usd, 0, {kCostWeight, 0});
}

/// Ridge regression of each model's reward, the intercept free, on rows seen in full.
class Ridge {
 public:
  Ridge(const SimulationData& data, double precision)
      : n_(data.dimension + 1),
        stride_(policies::padded(n_)),
        gram_(n_ * stride_),
        moments_(data.models.size(), std::vector<double>(stride_)),
        weights_(moments_) {
    for (std::size_t i = 0; i < n_; ++i) gram_[i * stride_ + i] = i == 0 ? 1e-6 : precision;
  }

  void learn(const SimulationData& data, std::size_t row) {
    const auto x = augmented(data, row);
    policies::add_outer(gram_.data(), x.data(), 1, n_, stride_);
    for (std::size_t model = 0; model < moments_.size(); ++model) {
      const double reward = reward_of(data, row, model);
      for (std::size_t i = 0; i < n_; ++i) moments_[model][i] += reward * x[i];
    }
  }

  void fit() {
    std::vector<double> inverse(gram_.size()), scratch(gram_.size());
    policies::invert_positive_definite(gram_.data(), n_, stride_, inverse.data(), scratch.data());
    for (std::size_t model = 0; model < moments_.size(); ++model) {
      policies::symmetric_times(inverse.data(), moments_[model].data(), n_, stride_,
                                weights_[model].data());
    }
  }

  std::size_t choose(const SimulationData& data, std::size_t row) const {
    const auto x = augmented(data, row);
    std::vector<double> expected;
    for (const auto& weights : weights_) {
      expected.push_back(policies::dot(weights.data(), x.data(), n_));
    }
    return static_cast<std::size_t>(std::max_element(expected.begin(), expected.end()) -
                                    expected.begin());
  }

 private:
  std::vector<double> augmented(const SimulationData& data, std::size_t row) const {
    std::vector<double> x(stride_);
    x[0] = 1;
    const auto features = data.features_of(row);
    std::copy(features.begin(), features.end(), x.begin() + 1);
    return x;
  }

  std::size_t n_, stride_;
  std::vector<double> gram_;
  std::vector<std::vector<double>> moments_, weights_;
};

/// Mean reward on `second`, each of its rows learned in full after it was decided.
double ridge_reward(const SimulationData& first, const SimulationData& second, double precision) {
  Ridge ridge(first, precision);
  for (std::size_t row = 0; row < first.rows(); ++row) ridge.learn(first, row);
  double sum = 0;
  for (std::size_t row = 0; row < second.rows(); ++row) {
    if (row % kRefitRows == 0) ridge.fit();
    sum += reward_of(second, row, ridge.choose(second, row));
    ridge.learn(second, row);
  }
  return sum / static_cast<double>(second.rows());
}

bool check_warm_start(const SimulationData& data) {
  const std::vector<double> precisions{20, 80, 320};
  std::vector<double> ridge(precisions.size());
  double warm = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const auto order = shuffled(data.rows(), seed);
    const auto half = static_cast<std::ptrdiff_t>(order.size() / 2);
    const SimulationData first = subset(data, {order.begin(), order.begin() + half});
    const SimulationData second = subset(data, {order.begin() + half, order.end()});
    agent::SimulationOptions options;
    options.weights = {kCostWeight, 0};
    options.seeds = {seed};
    options.warm_start = &first;
    warm += agent::simulate(second, "default", options, kSilent)->mean_reward / kSeeds;
    for (std::size_t i = 0; i < precisions.size(); ++i) {
      ridge[i] += ridge_reward(first, second, precisions[i]) / kSeeds;
    }
  }
  const double best = *std::max_element(ridge.begin(), ridge.end());
  const bool kept = warm >= best - 0.003;
  std::printf("warm start: default %.4f, full-information ridge %.4f: %s\n", warm, best,
              kept ? "ok" : "MORE THAN .003 BELOW");
  return kept;
}

bool check_permuted(SimulationData data) {
  const auto order = shuffled(data.rows(), 7);
  std::vector<float> features;
  for (const std::size_t row : order) {
    const auto values = data.features_of(row);
    features.insert(features.end(), values.begin(), values.end());
  }
  data.features = std::move(features);
  agent::SimulationOptions options;
  options.weights = {kCostWeight, 0};
  options.seeds.clear();
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) options.seeds.push_back(seed);
  const double fixed = agent::simulate_baselines(data, options)->front().mean_reward;
  bool kept = true;
  for (const std::string& policy : policies::policy_names()) {
    const double reward = agent::simulate(data, policy, options, kSilent)->mean_reward;
    const bool below = reward <= fixed + 0.005;
    std::printf("permuted: %s %.4f, best fixed %.4f: %s\n", policy.c_str(), reward, fixed,
                below ? "ok" : "MORE THAN .005 ABOVE");
    kept = kept && below;
  }
  return kept;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: learning_check OUTCOMES.jsonl\n";
    return 2;
  }
  const auto encoder = env::make_encoder("static", {.asset_directory = YARDMASTER_ASSET_DIR});
  if (!encoder) {
    std::cerr << encoder.error().message << '\n';
    return 1;
  }
  const auto data = agent::load_simulation_data(argv[1], **encoder, kSilent);
  if (!data) {
    std::cerr << data.error().message << '\n';
    return 1;
  }
  const bool permuted = check_permuted(*data);
  const bool warm = check_warm_start(*data);
  return permuted && warm ? 0 : 1;
}
