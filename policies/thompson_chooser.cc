#include <algorithm>
#include <array>
#include <boost/container/small_vector.hpp>
#include <cmath>
#include <numbers>

#include "policies/choosers.h"
#include "policies/multiversion.h"

namespace yardmaster::policies {

namespace {

constexpr std::size_t kNodes = 32;
constexpr double kNodeBound = 5;  // in deviations; beyond lie 6e-7 of a normal
constexpr double kNodeStep = 2 * kNodeBound / (kNodes - 1);

// Beyond it the distribution function is 0 or 1 to within 1e-9.
constexpr double kCertain = 6;

struct Nodes {
  Nodes() {
    for (std::size_t n = 0; n < kNodes; ++n) {
      places[n] = -kNodeBound + kNodeStep * static_cast<double>(n);
      weights[n] = std::exp(-places[n] * places[n] / 2);
    }
  }

  std::array<double, kNodes> places;
  std::array<double, kNodes> weights;
};

const Nodes& nodes() {
  static const Nodes nodes;
  return nodes;
}

// products[n] *= normal distribution function at offset + slope * places[n]. By Abramowitz and
// Stegun 7.1.28 (error 3e-7): no exponential and no table, so that the loop vectorises.
YARDMASTER_MULTIVERSION
void multiply_cdf(const double* __restrict places, double offset, double slope,
                  double* __restrict products) {
  for (std::size_t n = 0; n < kNodes; ++n) {
    const double z = (offset + slope * places[n]) * (1 / std::numbers::sqrt2);
    const double x = z < 0 ? -z : z;
    const double series =
        1 +
        x * (0.0705230784 +
             x * (0.0422820123 +
                  x * (0.0092705272 + x * (0.0001520143 + x * (0.0002765672 + x * 0.0000430638)))));
    const double squared = series * series;
    const double fourth = squared * squared;
    const double eighth = fourth * fourth;
    const double tail = 0.5 / (eighth * eighth);
    products[n] *= z < 0 ? tail : 1 - tail;
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
    std::array<double, kNodes> products = nodes().weights;
    for (std::size_t j = 0; j < count; ++j) {
      const double offset = (means[i] - means[j]) / spread[j];
      const double slope = spread[i] / spread[j];
      if (j == i || offset - slope * kNodeBound > kCertain) continue;
      multiply_cdf(nodes().places.data(), offset, slope, products.data());
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
