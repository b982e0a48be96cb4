#include "agent/budget/pacer.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace yardmaster::agent {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr std::size_t kWindow = 256;      // queries whose forecasts set the price
constexpr std::size_t kLeastWindow = 8;   // below it a price from before a restart stays
constexpr std::uint64_t kSolveEvery = 4;  // decisions; a search takes as long as some policies
constexpr double kMemory = 200;           // queries over which the policy is compared with greed
constexpr double kStep = 1.01;            // prices are drawn so far to both sides of a step
constexpr double kLargestWanted = 4;      // budgets that a query may be meant to cost

// What is not known yet must be tried: the first queries may borrow from each other.
constexpr double kOpeningQueries = 100;
constexpr double kAllowance = 0.01;
constexpr double kKeptQueries = 1000;

// What is saved or overspent is paid back over so many queries: what is left of the first ones,
// then a part of all so far, for the longer it has run the less an error weighs.
constexpr double kSettledQueries = 300, kHorizonPart = 1.0 / 60;
constexpr double kLeastHorizon = 10, kLargestHorizon = 500;

// The ceiling's margin in deviations of the model's costs: what one dear answer overspends, the
// cheapest model has to win back over hundreds of queries.
constexpr double kOpeningMargin = 1, kMargin = 5;

// A model's first costs say little of how much they scatter: so many imagined errors, in
// expected costs.
constexpr double kPriorErrors = 5, kPriorDeviation = 1;

constexpr double kLeastShare = 0.1;  // of a model's mean that a forecast may fall to
constexpr double kArrivalMemory_s = 3600;
constexpr std::size_t kMostPending = 100'000;

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

std::int64_t day_of(Timestamp time) {
  return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
}

}  // namespace

BudgetPacer::BudgetPacer(BudgetSettings settings) : settings_(settings), window_(kWindow) {}

double BudgetPacer::ModelCosts::deviation(double expected_usd) const {
  const double prior = kPriorDeviation * expected_usd;
  return std::sqrt((squared_errors + kPriorErrors * prior * prior) / (count + kPriorErrors));
}

double BudgetPacer::cost_weight(Timestamp now, Rng& rng) {
  const std::lock_guard lock(mutex_);
  start_day(now);
  if (first_weight_ && window_.size() < kLeastWindow) return weight_ = *first_weight_;
  const double mean = wanted(now);
  const double prior = kMemory / 10 * mean;
  const double aim = mean > 0 ? mean * (greedy_cost_ + prior) / (policy_cost_ + prior) : 0;
  if (asked_++ % kSolveEvery == 0 || window_.size() < kLeastWindow) {
    crossing_ = window_.crossing(aim);
  }
  const double fall = crossing_.below_cost - crossing_.above_cost;
  const double below_share = fall > 0 ? (aim - crossing_.above_cost) / fall : 0;
  weight_ = rng.uniform() < below_share ? crossing_.below / kStep : crossing_.above * kStep;
  return weight_;
}

/// What the next query should cost on the mean.
double BudgetPacer::wanted(Timestamp now) const {
  double mean = kNoLimit;
  if (settings_.usd_per_query > 0) {
    const double budget = settings_.usd_per_query;
    const auto queries = static_cast<double>(queries_);
    const double horizon =
        std::max(kSettledQueries - queries,
                 std::clamp(queries * kHorizonPart, kLeastHorizon, kLargestHorizon));
    mean = std::clamp(budget + saved_ / horizon, 0.0, kLargestWanted * budget);
  }
  if (settings_.usd_per_day > 0) {
    const double left_today = std::max(0.0, settings_.usd_per_day - spent_today_);
    mean = std::min(mean, left_today / queries_left_today(now));
  }
  return mean;
}

/// At the pace of the last hour; at least this one.
double BudgetPacer::queries_left_today(Timestamp now) const {
  if (!first_arrival_) return 1;
  const double age_s = std::max(1.0, Seconds(now - *first_arrival_).count());
  const double since_s = std::max(0.0, Seconds(now - *last_arrival_).count());
  const double seen_s = kArrivalMemory_s * -std::expm1(-age_s / kArrivalMemory_s);
  const double per_second = arrivals_ * std::exp(-since_s / kArrivalMemory_s) / seen_s;
  const auto midnight = std::chrono::floor<std::chrono::days>(now) + std::chrono::days(1);
  return std::max(1.0, per_second * Seconds(midnight - now).count());
}

double BudgetPacer::left(Timestamp now, Spender spender) const {
  double usd = kNoLimit;
  if (settings_.usd_per_query > 0) {
    const auto queries = static_cast<double>(queries_);
    const double own = spender == Spender::query ? 1 : 0;
    const double allowed =
        std::max(kOpeningQueries - queries, own + kAllowance * std::min(queries, kKeptQueries));
    usd = saved_ + allowed * settings_.usd_per_query;
  }
  if (settings_.usd_per_day > 0) {
    const double spent_today = day_of(now) == day_ ? spent_today_ : 0;
    usd = std::min(usd, settings_.usd_per_day - spent_today);
  }
  return usd;
}

double BudgetPacer::bound(std::string_view model, double expected_usd) const {
  const auto found = models_.find(model);
  const ModelCosts costs = found == models_.end() ? ModelCosts{} : found->second;
  const bool opening = static_cast<double>(queries_) < kOpeningQueries;
  const double margin = opening ? kOpeningMargin : kMargin;
  return expected_usd + margin * costs.deviation(expected_usd);
}

void BudgetPacer::complete(std::span<const env::Candidate> candidates,
                           std::span<CandidateForecast> forecasts) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto found = models_.find(candidates[i].model);
    const double mean = found == models_.end() ? 0 : found->second.mean_usd;
    if (!(forecasts[i].cost_usd > 0)) forecasts[i].cost_usd = mean;
    forecasts[i].cost_usd = std::max(forecasts[i].cost_usd, kLeastShare * mean);
  }
}

void BudgetPacer::observe(std::span<const CandidateForecast> forecasts,
                          std::span<const double> probabilities, double weight) {
  const std::lock_guard lock(mutex_);
  double policy_cost = 0;
  for (std::size_t i = 0; i < forecasts.size(); ++i) {
    policy_cost += probabilities[i] * forecasts[i].cost_usd;
  }
  constexpr double kKeep = 1 - 1 / kMemory;
  policy_cost_ = kKeep * policy_cost_ + policy_cost;
  greedy_cost_ = kKeep * greedy_cost_ + forecasts[greedy_choice(forecasts, weight)].cost_usd;
  window_.add(forecasts);
}

std::vector<std::size_t> BudgetPacer::over_ceiling(std::span<const env::Candidate> candidates,
                                                   std::span<const CandidateForecast> forecasts,
                                                   Timestamp now, Spender spender) {
  const std::lock_guard lock(mutex_);
  start_day(now);
  const double most = left(now, spender);
  std::vector<std::size_t> over;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (bound(candidates[i].model, forecasts[i].cost_usd) > most) over.push_back(i);
  }
  return over;
}

double BudgetPacer::left_usd(Timestamp now, Spender spender) {
  const std::lock_guard lock(mutex_);
  start_day(now);
  return left(now, spender);
}

void BudgetPacer::decided(const DecisionId& id, std::string_view model, double expected_usd,
                          Timestamp now, Spender spender) {
  const std::lock_guard lock(mutex_);
  start_day(now);
  if (pending_.size() >= kMostPending) pending_.erase(pending_.begin());  // the oldest
  pending_[id] = {std::string(model), expected_usd, day_, spender};
  spent_ += expected_usd;
  spent_today_ += expected_usd;
  saved_ -= expected_usd;
  if (spender == Spender::hedge) return;
  count_arrival(now);
  ++queries_;
  saved_ = std::min(saved_ + settings_.usd_per_query, kKeptQueries * settings_.usd_per_query);
}

void BudgetPacer::spent(const DecisionId& id, std::optional<double> cost_usd) {
  const std::lock_guard lock(mutex_);
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  if (cost_usd) {
    const double error = *cost_usd - found->second.expected_usd;
    correct(found->second, error);
    ModelCosts& costs = models_[found->second.model];
    ++costs.count;
    costs.mean_usd += (*cost_usd - costs.mean_usd) / costs.count;
    costs.squared_errors += error * error;
  }
  pending_.erase(found);
}

void BudgetPacer::cancelled(const DecisionId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  correct(found->second, -found->second.expected_usd);
  if (found->second.spender == Spender::query) {
    --queries_;
    saved_ -= settings_.usd_per_query;
  }
  pending_.erase(found);
}

void BudgetPacer::correct(const Pending& pending, double by_usd) {
  spent_ += by_usd;
  saved_ -= by_usd;
  if (pending.day == day_) spent_today_ += by_usd;
}

void BudgetPacer::start_day(Timestamp now) {
  if (day_of(now) <= day_) return;  // clocks may go back a little
  day_ = day_of(now);
  spent_today_ = 0;
}

void BudgetPacer::count_arrival(Timestamp now) {
  if (!first_arrival_) first_arrival_ = last_arrival_ = now;
  const double since_s = std::max(0.0, Seconds(now - *last_arrival_).count());
  arrivals_ = arrivals_ * std::exp(-since_s / kArrivalMemory_s) + 1;
  last_arrival_ = std::max(*last_arrival_, now);
}

void BudgetPacer::start_at(double cost_weight) {
  const std::lock_guard lock(mutex_);
  first_weight_ = weight_ = cost_weight;
}

BudgetStatus BudgetPacer::status(Timestamp now) {
  const std::lock_guard lock(mutex_);
  start_day(now);
  return {queries_, spent_, spent_today_, weight_, left(now, Spender::query)};
}

}  // namespace yardmaster::agent
