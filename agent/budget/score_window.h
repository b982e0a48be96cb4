#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace yardmaster::agent {

/// What a candidate of one query is expected to bring and to cost.
struct CandidateForecast {
  double value = 0;     ///< expected reward at the weights that the request asked for
  double cost_usd = 0;  ///< expected cost
};

/// What the last queries' candidates were expected to bring and cost, and so what choosing greedily
/// would have cost at any price of money. Not thread-safe.
class ScoreWindow {
 public:
  /// Keeps the last `queries` of them.
  explicit ScoreWindow(std::size_t queries) : entries_(queries) {}

  void add(std::span<const CandidateForecast> candidates);

  std::size_t size() const { return size_; }

  /// Mean cost of the candidates with the highest value - weight * cost. 0 while it is empty.
  double greedy_cost(double weight) const;

  /// The weights around the point where the greedy cost falls to `target`.
  struct Crossing {
    double below = 0;       ///< a weight at which it costs more than the target
    double above = 0;       ///< the next at which it does not; both 0 where no weight is needed
    double below_cost = 0;  ///< greedy cost at each
    double above_cost = 0;
  };

  /// By bisection to one part in 1,000. Where even the cheapest candidates cost more than the
  /// target both weights are the least at which all cheapest ones are chosen.
  Crossing crossing(double target) const;

 private:
  std::vector<std::vector<CandidateForecast>> entries_;  ///< a ring
  std::size_t next_ = 0;
  std::size_t size_ = 0;
};

/// The index of the candidate with the highest value - weight * cost, the cheaper among equals.
std::size_t greedy_choice(std::span<const CandidateForecast> candidates, double weight);

}  // namespace yardmaster::agent
