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

// Decisions over which a model's exploration falls to 1 / sqrt(2) of what sampling asks for.
constexpr double kFadingDecisions = 300;

// Where many may be the best their small chances add up to most of the choices, and a good model's
// own bad draws let others win. So above the one number of candidates, in full from the other on,
// draws lie higher by so many deviations and scatter by so much less.
constexpr double kFewCandidates = 12, kManyCandidates = 16;
constexpr double kOptimism = 1, kNarrowing = 0.3;

// Beyond it the distribution function is 0 or 1 to within 1e-9.
constexpr double kCertain = 6;

struct Nodes {
  Nodes() {
    for (std::size_t n = 0; n < kNodes; ++n) {
      const double place = -kNodeBound + kNodeStep * static_cast<double>(n);
      places[n] = static_cast<float>(place);
      weights[n] = static_cast<float>(std::exp(-place * place / 2));
    }
  }

  std::array<float, kNodes> places;
  std::array<float, kNodes> weights;
};

const Nodes& nodes() {
  static const Nodes nodes;
  return nodes;
}

// products[n] *= normal distribution function at offset + slope * places[n]. By Abramowitz and
// Stegun 7.1.28 (error 3e-7): no exponential and no table, so that the loop vectorises; and no more
// exact than single precision, of which a register takes twice as many.
YARDMASTER_MULTIVERSION
void multiply_cdf(const float* __restrict places, float offset, float slope,
                  float* __restrict products) {
  for (std::size_t n = 0; n < kNodes; ++n) {
    const float z = (offset + slope * places[n]) * (1 / std::numbers::sqrt2_v<float>);
    const float x = std::fabs(z);
    const float series =
        1 + x * (0.0705230784F +
                 x * (0.0422820123F +
                      x * (0.0092705272F +
                           x * (0.0001520143F + x * (0.0002765672F + x * 0.0000430638F)))));
    const float squared = series * series;
    const float fourth = squared * squared;
    const float eighth = fourth * fourth;
    const float tail = 0.5F / (eighth * eighth);
    // No comparison, which would keep the loop from vectorising. The addend keeps products of many
    // small factors from becoming denormal, which is slow.
    products[n] = products[n] * (0.5F + std::copysign(0.5F - tail, z)) + 1e-30F;
  }
}

class ThompsonChooser final : public Chooser {
 public:
  void choose(const env::Observation&, std::span<const Score> scores,
              std::span<double> probabilities) const override {
    boost::container::small_vector<double, 64> means(scores.size()), deviations(scores.size());
    const double many = std::clamp(
        (static_cast<double>(scores.size()) - kFewCandidates) / (kManyCandidates - kFewCandidates),
        0.0, 1.0);
    for (std::size_t i = 0; i < scores.size(); ++i) {
      means[i] = scores[i].reward + kOptimism * many * scores[i].choice_sd;
      deviations[i] = (1 - kNarrowing * many) * scores[i].choice_sd;
    }
    best_of_normals({means.data(), means.size()}, {deviations.data(), deviations.size()},
                    probabilities);
    fade(scores, probabilities);
  }

 private:
  /// Leaves each candidate the part of its probability that its age allows; the rest goes to the
  /// highest expected reward.
  static void fade(std::span<const Score> scores, std::span<double> probabilities) {
    std::size_t best = 0;
    double taken = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (scores[i].reward > scores[best].reward) best = i;
      const double kept = 1 / std::sqrt(1 + scores[i].age_decisions / kFadingDecisions);
      taken += (1 - kept) * probabilities[i];
      probabilities[i] *= kept;
    }
    probabilities[best] += taken;
  }
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
    std::array<float, kNodes> products = nodes().weights;
    for (std::size_t j = 0; j < count; ++j) {
      const double offset = (means[i] - means[j]) / spread[j];
      const double slope = spread[i] / spread[j];
      if (j == i || offset - slope * kNodeBound > kCertain) continue;
      multiply_cdf(nodes().places.data(), static_cast<float>(offset), static_cast<float>(slope),
                   products.data());
    }
    for (const float product : products) out[i] += product;
    sum += out[i];
  }
  if (!(sum > 0)) {
    choose_highest(means, out);
    return;
  }
  for (double& p : out) p /= sum;
}

std::shared_ptr<const Chooser> make_thompson_chooser() {
  return std::make_shared<ThompsonChooser>();
}

}  // namespace yardmaster::policies
