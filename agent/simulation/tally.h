#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/simulation/world.h"

namespace yardmaster::agent {

/// Mean over a window of rounds, then over seeds.
struct CurvePoint {
  std::uint64_t round = 0;  ///< the window's end
  double reward = 0;
  std::array<double, 2> ci95{};  ///< of reward over seeds (Student t)
  double cost_usd = 0;
};

/// Rounds after a change, against the best fixed model of that time.
struct ChangeWindow {
  std::uint64_t rounds_after = 0;  ///< from the change to the window's end
  double reward = 0;
  double gap = 0;    ///< reward minus that of the best fixed model on the same queries
  double share = 0;  ///< part of the choices that fell on the models that changed
};

/// How a policy took one change of the scenario.
struct ChangeResult {
  std::uint64_t round = 0;
  std::string best_before, best_after;  ///< fixed models

  /// What staying with best_before loses a round against best_after, over the whole data; 0
  /// where they are the same. Where best_before is gone, all that best_after gives.
  double loss = 0;
  double reward_before = 0;  ///< mean over the last kBeforeRounds rounds before the change
  std::vector<ChangeWindow> after;

  /// Rounds from the change to the end of the first window in which the gap is at most a tenth of
  /// the loss. Nothing where there is no loss, or no such window.
  std::optional<std::uint64_t> recovery_rounds;
};

/// What a policy achieved: means over rounds, then over seeds.
struct SimulationResult {
  std::string policy;
  std::uint64_t rounds = 0;
  double mean_reward = 0;
  double mean_quality = 0;
  double mean_cost_usd = 0;
  double last_quarter_reward = 0;    ///< mean over the last quarter of the rounds
  double regret = 0;                 ///< sum over rounds against the best model for each query
  std::array<double, 2> ci95{};      ///< of mean_reward over seeds (Student t); equal for one seed
  double decisions_per_s = 0;        ///< decide and learn, encoding excluded
  std::vector<double> seed_rewards;  ///< mean reward of each seed
  std::vector<CurvePoint> curve;     ///< kCurvePoints windows, or one a round if there are fewer
  std::vector<ChangeResult> changes;

  std::vector<double> seed_costs_usd;  ///< mean cost of each seed

  /// The highest mean cost so far after any round from kSpendingSettled on, of any seed.
  double highest_mean_cost_usd = 0;
};

/// Sums of one replay.
class Tally {
 public:
  static constexpr std::uint64_t kCurvePoints = 40;
  static constexpr std::uint64_t kSpendingSettled = 300;
  static constexpr std::uint64_t kBeforeRounds = 200;
  static constexpr std::uint64_t kWindowRounds = 50;  ///< after a change
  static constexpr std::uint64_t kWindows = 40;       ///< at most so many are kept

  struct Sums {
    double rounds = 0, reward = 0, quality = 0, cost = 0, regret = 0, gap = 0, changed = 0;

    void add(const RoundScore& score);
  };

  struct Change {
    std::uint64_t round = 0;
    Sums before;
    std::vector<Sums> after;  ///< a window each
  };

  explicit Tally(const World& world);

  /// The next round's.
  void add(const RoundScore& score);

  void set_seconds(double seconds) { seconds_ = seconds; }

  double seconds() const { return seconds_; }
  double highest_mean_cost_usd() const { return highest_mean_cost_usd_; }
  const Sums& all() const { return all_; }
  const Sums& last_quarter() const { return last_quarter_; }
  const std::vector<Sums>& curve() const { return curve_; }
  const std::vector<Change>& changes() const { return changes_; }

 private:
  std::uint64_t total_;
  std::uint64_t round_ = 0;
  double seconds_ = 0;
  double highest_mean_cost_usd_ = 0;
  Sums all_, last_quarter_;
  std::vector<Sums> curve_;
  std::vector<Change> changes_;
};

/// Of one replay a seed, all in the same world.
SimulationResult summarise(std::string policy, const World& world,
                           const std::vector<Tally>& tallies);

}  // namespace yardmaster::agent
