#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/budget/score_window.h"
#include "base/decision_id.h"
#include "base/random.h"
#include "base/time.h"
#include "env/observation.h"

namespace yardmaster::agent {

struct BudgetSettings {
  double usd_per_query = 0;  ///< on the mean over all queries; 0: none
  double usd_per_day = 0;    ///< UTC days; 0: none

  /// Where every candidate would break the ceiling: true refuses the query, false takes the
  /// cheapest.
  bool refuse = false;

  bool any() const { return usd_per_query > 0 || usd_per_day > 0; }
};

/// What a pacer has to say for itself.
struct BudgetStatus {
  std::uint64_t queries = 0;   ///< decisions counted; after a restart those that were read again
  double spent_usd = 0;        ///< by them; what is not reported yet counts as expected
  double spent_today_usd = 0;  ///< the same, of the running UTC day
  double cost_weight = 0;      ///< added to the last decision's
  double left_usd = 0;         ///< what the next decision may cost at most
};

/// What a decision is made for: a query, for which there is budget, or a second call of one beside
/// the first, which has to come out of what is left over.
enum class Spender { query, hedge };

/// Keeps a router's spending on a budget: a price of money is added to the cost weight of each
/// decision, so that the policy itself chooses less where it gains least, and a ceiling takes out
/// the candidates that could break it.
///
/// The price is the dual variable of the budget (Balseiro and Gur 2019; Agrawal and Devanur 2014),
/// but it is not searched by gradient steps: what the last queries' candidates were expected to
/// bring and cost tells at which price a greedy choice among them costs exactly what is wanted
/// (ScoreWindow), and how the policy's own spending compares with the greedy one's corrects that.
/// Wanted is the budget a query, plus a part of what was saved so far or minus what was overspent,
/// so an error of any origin is paid back. Where spending falls in a step as the price rises (the
/// same two models tie for every query) the price is drawn from both sides of the step so that the
/// mean is met. A decision's price is in its logged weights, and given it the propensity is exact.
///
/// The ceiling on the mean: spending may exceed the budget of all queries so far by 1% of it, and
/// in the first 100 queries go up to the budget of 100. Savings beyond 1,000 queries' budget are
/// given up. The ceiling of a day is its budget. A candidate breaks the ceiling if its expected
/// cost plus a margin for how far its model's costs were off before exceeds what is left.
///
/// Thread-safe: one short lock a call.
class BudgetPacer {
 public:
  explicit BudgetPacer(BudgetSettings settings);

  const BudgetSettings& settings() const { return settings_; }

  /// The weight in quality per USD, 0 or more, to add to the next decision's cost weight.
  double cost_weight(Timestamp now, Rng& rng);

  /// Replaces costs that nobody knows (0 or less) by the mean of what the model's decisions have
  /// cost, and raises those below a tenth of it, which no regression should be believed.
  void complete(std::span<const env::Candidate> candidates, std::span<CandidateForecast> forecasts);

  /// Takes in what a query's candidates were expected to bring and cost, and what the policy made
  /// of it: `probabilities` are its own at `weight`, which cost_weight() had given.
  void observe(std::span<const CandidateForecast> forecasts, std::span<const double> probabilities,
               double weight);

  /// The candidates, as ascending indices, whose choice could break the ceiling.
  std::vector<std::size_t> over_ceiling(std::span<const env::Candidate> candidates,
                                        std::span<const CandidateForecast> forecasts, Timestamp now,
                                        Spender spender = Spender::query);

  /// What the next decision may cost at most.
  double left_usd(Timestamp now, Spender spender = Spender::query);

  /// Counts a decision at its expected cost.
  void decided(const DecisionId& id, std::string_view model, double expected_usd, Timestamp now,
               Spender spender = Spender::query);

  /// What a counted decision really cost; nothing: it stays as expected, since nobody will know.
  /// Unknown ids and second reports have no effect.
  void spent(const DecisionId& id, std::optional<double> cost_usd);

  /// Takes a counted decision back: it was never served.
  void cancelled(const DecisionId& id);

  /// The weight to begin with, until there are forecasts to find it by.
  void start_at(double cost_weight);

  BudgetStatus status(Timestamp now);

 private:
  struct Pending {
    std::string model;
    double expected_usd = 0;
    std::int64_t day = 0;
    Spender spender = Spender::query;
  };

  /// What a model's decisions have cost, and by how much that was off.
  struct ModelCosts {
    double count = 0;
    double mean_usd = 0;
    double squared_errors = 0;  ///< sum, of actual minus expected

    double deviation(double expected_usd) const;
  };

  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>{}(name);
    }
  };

  void start_day(Timestamp now);
  void count_arrival(Timestamp now);
  void correct(const Pending& pending, double by_usd);
  double queries_left_today(Timestamp now) const;
  double wanted(Timestamp now) const;
  double left(Timestamp now, Spender spender) const;
  double bound(std::string_view model, double expected_usd) const;

  const BudgetSettings settings_;
  std::mutex mutex_;
  ScoreWindow window_;
  ScoreWindow::Crossing crossing_;  ///< of the window, found anew every few decisions
  std::uint64_t asked_ = 0;
  std::unordered_map<std::string, ModelCosts, NameHash, std::equal_to<>> models_;
  std::map<DecisionId, Pending> pending_;  ///< in the order of time
  std::uint64_t queries_ = 0;
  double spent_ = 0;
  double saved_ = 0;  ///< usd_per_query of the queries so far minus spending
  std::int64_t day_ = 0;
  double spent_today_ = 0;
  double arrivals_ = 0;  ///< decayed count of queries
  std::optional<Timestamp> first_arrival_, last_arrival_;
  double weight_ = 0;                         ///< of the last decision
  std::optional<double> first_weight_;        ///< of the decisions after a restart
  double policy_cost_ = 0, greedy_cost_ = 0;  ///< decayed sums
};

}  // namespace yardmaster::agent
