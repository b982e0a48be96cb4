#include <algorithm>
#include <array>
#include <boost/container/small_vector.hpp>
#include <cmath>
#include <numbers>

#include "policies/choosers.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define YARDMASTER_MULTIVERSION \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define YARDMASTER_MULTIVERSION
#endif

namespace yardmaster::policies {

namespace {

constexpr std::size_t kNodes = 32;
constexpr double kNodeBound = 5;  // in deviations; beyond lie 6e-7 of a normal
constexpr double kNodeStep = 2 * kNodeBound / (kNodes - 1);

constexpr double kTableBound = 6;
constexpr int kTableCells = 1536;

/// The normal distribution function on [-6, 6], read with linear interpolation (error 1e-6).
struct Tables {
  Tables() {
    for (int i = 0; i <= kTableCells + 1; ++i) {
      const double z = -kTableBound + 2 * kTableBound * i / kTableCells;
      cdf[static_cast<std::size_t>(i)] = std::erfc(-z / std::numbers::sqrt2) / 2;
    }
    for (std::size_t n = 0; n < kNodes; ++n) {
      nodes[n] = -kNodeBound + kNodeStep * static_cast<double>(n);
      weights[n] = std::exp(-nodes[n] * nodes[n] / 2);
    }
  }

  std::array<double, kTableCells + 2> cdf;
  std::array<double, kNodes> nodes;
  std::array<double, kNodes> weights;
};

const Tables& tables() {
  static const Tables tables;
  return tables;
}

// products[n] *= cdf(offset + slope * nodes[n])
YARDMASTER_MULTIVERSION
void multiply_cdf(const double* __restrict cdf, const double* __restrict nodes, double offset,
                  double slope, double* __restrict products) {
  constexpr double kCellsPerUnit = kTableCells / (2 * kTableBound);
  for (std::size_t n = 0; n < kNodes; ++n) {
    double place = (offset + slope * nodes[n] + kTableBound) * kCellsPerUnit;
    place = place < 0 ? 0 : place;
    place = place > kTableCells ? kTableCells : place;
    const int cell = static_cast<int>(place);
    const double part = place - cell;
    products[n] *= cdf[cell] + part * (cdf[cell + 1] - cdf[cell]);
  }
}

class ThompsonChooser final : public Chooser {
 public:
  explicit ThompsonChooser(double scale) : scale_(scale) {}

  void choose(const env::Observation&, std::span<const Score> scores,
              std::span<double> probabilities) const override {
    boost::container::small_vector<double, 64> means(scores.size()), deviations(scores.size());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      means[i] = scores[i].reward;
      deviations[i] = scale_ * scores[i].choice_sd;
    }
    best_of_normals({means.data(), means.size()}, {deviations.data(), deviations.size()},
                    probabilities);
  }

 private:
  double scale_;
};

}  // namespace

void best_of_normals(std::span<const double> means, std::span<const double> deviations,
                     std::span<double> out) {
  const double widest = *std::max_element(deviations.begin(), deviations.end());
  if (!(widest > 0)) {
    choose_highest(means, out);
    return;
  }
  const Tables& table = tables();
  const std::size_t count = means.size();
  boost::container::small_vector<double, 64> spread(count);
  double lowest_best = -INFINITY;  // nobody whose upper end lies below this can be the best
  for (std::size_t i = 0; i < count; ++i) {
    spread[i] = std::max(deviations[i], 0.01 * widest);
    lowest_best = std::max(lowest_best, means[i] - kNodeBound * spread[i]);
  }
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = 0;
    if (means[i] + kNodeBound * spread[i] < lowest_best) continue;
    std::array<double, kNodes> products = table.weights;
    for (std::size_t j = 0; j < count; ++j) {
      const double offset = (means[i] - means[j]) / spread[j];
      const double slope = spread[i] / spread[j];
      if (j == i || offset - slope * kNodeBound > kTableBound) continue;
      multiply_cdf(table.cdf.data(), table.nodes.data(), offset, slope, products.data());
    }
    for (const double product : products) out[i] += product;
    sum += out[i];
  }
  if (!(sum > 0)) {
    choose_highest(means, out);
    return;
  }
  for (double& p : out) p /= sum;
}

std::shared_ptr<const Chooser> make_thompson_chooser(double scale) {
  return std::make_shared<ThompsonChooser>(scale);
}

}  // namespace yardmaster::policies
