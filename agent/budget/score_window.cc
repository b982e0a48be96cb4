#include "agent/budget/score_window.h"

#include <algorithm>

namespace yardmaster::agent {
namespace {

constexpr double kPrecision = 1e-3;
constexpr double kFirstWeight = 1;      // quality per USD; where the search begins
constexpr double kLeastWeight = 1e-12;  // below it no weight is worth its name
constexpr double kLargestWeight = 1e12;

}  // namespace

std::size_t greedy_choice(std::span<const CandidateForecast> candidates, double weight) {
  std::size_t best = 0;
  double best_value = candidates[0].value - weight * candidates[0].cost_usd;
  for (std::size_t i = 1; i < candidates.size(); ++i) {
    const double value = candidates[i].value - weight * candidates[i].cost_usd;
    if (value > best_value ||
        (value == best_value && candidates[i].cost_usd < candidates[best].cost_usd)) {
      best = i;
      best_value = value;
    }
  }
  return best;
}

void ScoreWindow::add(std::span<const CandidateForecast> candidates) {
  entries_[next_].assign(candidates.begin(), candidates.end());
  next_ = (next_ + 1) % entries_.size();
  size_ = std::min(size_ + 1, entries_.size());
}

double ScoreWindow::greedy_cost(double weight) const {
  double sum = 0;
  for (std::size_t i = 0; i < size_; ++i) {
    sum += entries_[i][greedy_choice(entries_[i], weight)].cost_usd;
  }
  return size_ > 0 ? sum / static_cast<double>(size_) : 0;
}

ScoreWindow::Crossing ScoreWindow::crossing(double target) const {
  Crossing out;
  out.below_cost = out.above_cost = greedy_cost(0);
  if (out.above_cost <= target) return out;
  double cheapest = 0;
  for (std::size_t i = 0; i < size_; ++i) {
    cheapest +=
        std::min_element(entries_[i].begin(), entries_[i].end(), [](const auto& a, const auto& b) {
          return a.cost_usd < b.cost_usd;
        })->cost_usd;
  }
  cheapest /= static_cast<double>(size_);
  // Summing in another order than greedy_cost rounds differently.
  const double reachable = std::max(target, cheapest * (1 + 1e-12));
  out.above = kFirstWeight;
  out.above_cost = greedy_cost(out.above);
  while (out.above_cost > reachable && out.above < kLargestWeight) {
    out.below = out.above;
    out.below_cost = out.above_cost;
    out.above *= 4;
    out.above_cost = greedy_cost(out.above);
  }
  while (out.above - out.below > kPrecision * out.above && out.above > kLeastWeight) {
    const double middle = (out.below + out.above) / 2;
    const double cost = greedy_cost(middle);
    (cost > reachable ? out.below : out.above) = middle;
    (cost > reachable ? out.below_cost : out.above_cost) = cost;
  }
  if (target < cheapest) {
    out.below = out.above;
    out.below_cost = out.above_cost;
  }
  return out;
}

}  // namespace yardmaster::agent
