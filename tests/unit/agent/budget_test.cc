#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "agent/budget/paced_choice.h"
#include "agent/budget/pacer.h"
#include "agent/budget/score_window.h"

namespace yardmaster::agent {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Timestamp kNoon = Timestamp(std::chrono::sys_days(std::chrono::days(20'000)) + hours(12));

/// One query's candidates, as {value, cost}.
using Candidates = std::vector<CandidateForecast>;

const Candidates kGains2 = {{0.5, 1}, {0.9, 3}};   // a USD gains .2
const Candidates kGains05 = {{0.5, 1}, {0.6, 3}};  // a USD gains .05

ScoreWindow window_of(const std::vector<Candidates>& queries) {
  ScoreWindow window(queries.size());
  for (const Candidates& query : queries) window.add(query);
  return window;
}

TEST(ScoreWindow, AHigherPriceBuysLessWhereItGainsLeast) {
  const ScoreWindow window = window_of({kGains2, kGains05});
  EXPECT_DOUBLE_EQ(window.greedy_cost(0), 3);
  EXPECT_DOUBLE_EQ(window.greedy_cost(0.1), 2);
  EXPECT_DOUBLE_EQ(window.greedy_cost(0.3), 1);
}

TEST(ScoreWindow, TheCrossingLiesWhereGreedFallsToTheTarget) {
  const auto crossing = window_of({kGains2, kGains05}).crossing(1.5);
  EXPECT_NEAR(crossing.below, 0.2, 0.001);
  EXPECT_NEAR(crossing.above, 0.2, 0.001);
  EXPECT_LT(crossing.below, crossing.above);
  EXPECT_DOUBLE_EQ(crossing.below_cost, 2);
  EXPECT_DOUBLE_EQ(crossing.above_cost, 1);
}

TEST(ScoreWindow, NoPriceIsNeededWhereGreedCostsLess) {
  const auto crossing = window_of({kGains2}).crossing(3);
  EXPECT_EQ(crossing.below, 0);
  EXPECT_EQ(crossing.above, 0);
}

TEST(ScoreWindow, ATargetBelowTheCheapestTakesTheLeastPriceThatBuysThem) {
  const auto crossing = window_of({kGains2, kGains05}).crossing(0.5);
  EXPECT_NEAR(crossing.above, 0.2, 0.001);
  EXPECT_DOUBLE_EQ(crossing.below_cost, crossing.above_cost);
}

TEST(ScoreWindow, PricesOfAnyScaleAreFound) {
  for (const double scale : {1e-9, 1e-5, 1.0, 1e4}) {
    const auto crossing = window_of({{{0.5, scale}, {0.9, 100 * scale}}}).crossing(50 * scale);
    EXPECT_NEAR(crossing.above * scale, 0.4 / 99, 1e-5) << scale;
  }
}

TEST(ScoreWindow, OnlyTheLastQueriesCount) {
  ScoreWindow window(1);
  window.add(kGains2);
  window.add(kGains05);
  EXPECT_EQ(window.size(), 1u);
  EXPECT_DOUBLE_EQ(window.greedy_cost(0.1), 1);
}

const std::array<env::Candidate, 2> kModels{env::Candidate{"cheap", 0, 0},
                                            env::Candidate{"dear", 0, 0}};

/// A world of two models whose forecasts come true: takes the best at the pacer's price.
class Spending {
 public:
  explicit Spending(BudgetSettings settings) : pacer(settings) {}

  /// Returns what it cost.
  double decide(const Candidates& forecasts, Timestamp now = kNoon) {
    const double weight = pacer.cost_weight(now, rng);
    const auto over = pacer.over_ceiling(kModels, forecasts, now);
    std::size_t chosen = greedy_choice(forecasts, weight);
    std::array<double, 2> probabilities{};
    probabilities[chosen] = 1;
    pacer.observe(forecasts, probabilities, weight);
    if (std::find(over.begin(), over.end(), chosen) != over.end()) chosen = 0;
    const DecisionId id = DecisionId::make(now, rng);
    pacer.decided(id, kModels[chosen].model, forecasts[chosen].cost_usd, now);
    pacer.spent(id, forecasts[chosen].cost_usd);
    return forecasts[chosen].cost_usd;
  }

  BudgetPacer pacer;
  Rng rng{1};
};

TEST(BudgetPacer, MeetsTheMeanWhereTheSameTwoModelsTieForEveryQuery) {
  Spending spending({.usd_per_query = 0.0025});
  double spent = 0;
  for (int i = 0; i < 2000; ++i) spent += spending.decide({{0.6, 0.001}, {0.8, 0.005}});
  EXPECT_NEAR(spent / 2000, 0.0025, 0.01 * 0.0025);
}

TEST(BudgetPacer, MeetsTheMeanWherePricesDifferAHundredfold) {
  Spending spending({.usd_per_query = 0.001});
  Rng rng(2);
  double spent = 0, quality = 0;
  for (int i = 0; i < 3000; ++i) {
    const double gain = 0.4 * rng.uniform();
    const double cost = spending.decide({{0.5, 0.0001}, {0.5 + gain, 0.01}});
    spent += cost;
    quality += cost > 0.001 ? gain : 0;
  }
  EXPECT_NEAR(spent / 3000, 0.001, 0.02 * 0.001);
  // The budget buys the best 9% of the gains, .38 on the mean.
  EXPECT_GT(quality / 3000, 0.95 * 0.0909 * 0.382);
}

TEST(BudgetPacer, AsksNoPriceWhereTheBudgetIsNotReached) {
  Spending spending({.usd_per_query = 1});
  for (int i = 0; i < 50; ++i) EXPECT_EQ(spending.decide({{0.6, 0.001}, {0.8, 0.005}}), 0.005);
  EXPECT_EQ(spending.pacer.status(kNoon).cost_weight, 0);
}

TEST(BudgetPacer, WhatWasOverspentIsPaidBack) {
  Spending spending({.usd_per_query = 0.003});
  for (int i = 0; i < 1000; ++i) spending.decide({{0.6, 0.001}, {0.8, 0.005}});
  const DecisionId id = DecisionId::make(kNoon, spending.rng);
  spending.pacer.decided(id, "dear", 0.005, kNoon);
  spending.pacer.spent(id, 0.2);
  for (int i = 0; i < 400; ++i) spending.decide({{0.6, 0.001}, {0.8, 0.005}});
  const BudgetStatus status = spending.pacer.status(kNoon);
  EXPECT_NEAR(status.spent_usd / static_cast<double>(status.queries), 0.003, 0.01 * 0.003);
}

TEST(BudgetPacer, WhatMightBreakTheCeilingIsNamed) {
  BudgetPacer pacer({.usd_per_query = 0.01});
  const Candidates forecasts{{0, 0.001}, {0, 0.9}};
  EXPECT_THAT(pacer.over_ceiling(kModels, forecasts, kNoon), ElementsAre(1))
      << "the opening credit is 100 queries: 1 USD, and .9 may well be 1.8";
  EXPECT_THAT(pacer.over_ceiling(kModels, Candidates{{0, 0.001}, {0, 0.4}}, kNoon), IsEmpty());
  Rng rng(1);
  pacer.decided(DecisionId::make(kNoon, rng), "dear", 0.999, kNoon);
  EXPECT_THAT(pacer.over_ceiling(kModels, forecasts, kNoon), ElementsAre(0, 1));
}

TEST(BudgetPacer, AfterTheOpeningFiveDeviationsMustBeLeftForAnAnswer) {
  BudgetPacer pacer({.usd_per_query = 0.01});
  Rng rng(1);
  for (int i = 0; i < 100; ++i) pacer.decided(DecisionId::make(kNoon, rng), "cheap", 0, kNoon);
  // 1.02 USD are left: 1 saved, a query's budget, 1% of a hundred. Nothing is known of how the dear
  // model's costs scatter: as much as is expected of them.
  EXPECT_THAT(pacer.over_ceiling(kModels, Candidates{{0, 0.001}, {0, 0.16}}, kNoon), IsEmpty());
  EXPECT_THAT(pacer.over_ceiling(kModels, Candidates{{0, 0.001}, {0, 0.18}}, kNoon),
              ElementsAre(1));
}

TEST(BudgetPacer, CountsTheExpectedCostUntilTheRealOneIsKnown) {
  BudgetPacer pacer({.usd_per_query = 0.01});
  Rng rng(1);
  const DecisionId id = DecisionId::make(kNoon, rng);
  pacer.decided(id, "dear", 0.004, kNoon);
  EXPECT_DOUBLE_EQ(pacer.status(kNoon).spent_usd, 0.004);
  pacer.spent(id, 0.006);
  pacer.spent(id, 5);
  pacer.spent(DecisionId::make(kNoon, rng), 7);
  EXPECT_DOUBLE_EQ(pacer.status(kNoon).spent_usd, 0.006);
}

TEST(BudgetPacer, ACostThatNobodyWillKnowStaysAsExpected) {
  BudgetPacer pacer({.usd_per_query = 0.01});
  Rng rng(1);
  const DecisionId id = DecisionId::make(kNoon, rng);
  pacer.decided(id, "dear", 0.004, kNoon);
  pacer.spent(id, std::nullopt);
  pacer.spent(id, 5);
  EXPECT_DOUBLE_EQ(pacer.status(kNoon).spent_usd, 0.004);
}

TEST(BudgetPacer, ADecisionTakenBackCostsNothingAndCountsForNothing) {
  BudgetPacer pacer({.usd_per_query = 0.01});
  Rng rng(1);
  const double left = pacer.status(kNoon).left_usd;
  const DecisionId id = DecisionId::make(kNoon, rng);
  pacer.decided(id, "dear", 0.004, kNoon);
  pacer.cancelled(id);
  const BudgetStatus status = pacer.status(kNoon);
  EXPECT_EQ(status.queries, 0u);
  EXPECT_DOUBLE_EQ(status.spent_usd, 0);
  EXPECT_DOUBLE_EQ(status.left_usd, left);
}

TEST(BudgetPacer, CostsThatNobodyForecastsAreTheModelsMean) {
  BudgetPacer pacer({.usd_per_query = 0.01});
  Rng rng(1);
  for (const double cost : {0.02, 0.04}) {
    const DecisionId id = DecisionId::make(kNoon, rng);
    pacer.decided(id, "dear", 0, kNoon);
    pacer.spent(id, cost);
  }
  Candidates forecasts{{0, 0.001}, {0, 0}};
  pacer.complete(kModels, forecasts);
  EXPECT_DOUBLE_EQ(forecasts[0].cost_usd, 0.001);
  EXPECT_DOUBLE_EQ(forecasts[1].cost_usd, 0.03);
  forecasts[1].cost_usd = 1e-9;
  pacer.complete(kModels, forecasts);
  EXPECT_DOUBLE_EQ(forecasts[1].cost_usd, 0.003);
}

TEST(BudgetPacer, ADaysBudgetIsSpreadOverTheDayAndNeverExceeded) {
  Spending spending({.usd_per_day = 5});
  const Timestamp midnight = kNoon + hours(12);
  double first_half = 0, spent = 0;
  for (int minute = 0; minute < 1440; ++minute) {
    const double cost = spending.decide({{0.6, 0.001}, {0.8, 0.01}}, midnight + minutes(minute));
    spent += cost;
    if (minute < 720) first_half += cost;
  }
  EXPECT_LE(spent, 5);
  EXPECT_GT(spent, 4.8);
  EXPECT_NEAR(first_half, 2.5, 0.25);
}

TEST(BudgetPacer, ADaysCeilingHoldsAndEndsAtMidnight) {
  BudgetPacer pacer({.usd_per_day = 1});
  Rng rng(1);
  pacer.decided(DecisionId::make(kNoon, rng), "dear", 0.99, kNoon);
  const Candidates forecasts{{0, 0.001}, {0, 0.1}};
  EXPECT_THAT(pacer.over_ceiling(kModels, forecasts, kNoon + hours(11)), ElementsAre(1));
  EXPECT_THAT(pacer.over_ceiling(kModels, forecasts, kNoon + hours(13)), IsEmpty());
  EXPECT_DOUBLE_EQ(pacer.status(kNoon + hours(13)).spent_today_usd, 0);
}

TEST(BudgetPacer, AHedgeCostsAndBringsNoBudgetOfItsOwn) {
  BudgetPacer pacer({.usd_per_query = 0.01});
  Rng rng(1);
  for (int i = 0; i < 200; ++i) {
    pacer.decided(DecisionId::make(kNoon, rng), "dear", 0.01, kNoon);
  }
  // A query may take its own and what all may go over, a hedge that alone.
  EXPECT_NEAR(pacer.left_usd(kNoon), 0.01 + 0.02, 1e-9);
  EXPECT_NEAR(pacer.left_usd(kNoon, Spender::hedge), 0.02, 1e-9);
  const Candidates forecasts{{0, 0.001}, {0, 0.004}};  // and five times that as a margin
  EXPECT_THAT(pacer.over_ceiling(kModels, forecasts, kNoon), IsEmpty());
  EXPECT_THAT(pacer.over_ceiling(kModels, forecasts, kNoon, Spender::hedge), ElementsAre(1));

  const DecisionId id = DecisionId::make(kNoon, rng);
  pacer.decided(id, "cheap", 0.005, kNoon, Spender::hedge);
  EXPECT_EQ(pacer.status(kNoon).queries, 200u);
  EXPECT_NEAR(pacer.status(kNoon).spent_usd, 2.005, 1e-9);
  EXPECT_NEAR(pacer.left_usd(kNoon), 0.01 + 0.015, 1e-9);
  pacer.cancelled(id);
  EXPECT_EQ(pacer.status(kNoon).queries, 200u);
  EXPECT_NEAR(pacer.left_usd(kNoon), 0.01 + 0.02, 1e-9);
}

TEST(BudgetPacer, YesterdaysLateBillIsNotTodays) {
  BudgetPacer pacer({.usd_per_day = 1});
  Rng rng(1);
  const DecisionId id = DecisionId::make(kNoon, rng);
  pacer.decided(id, "dear", 0.1, kNoon);
  pacer.decided(DecisionId::make(kNoon, rng), "dear", 0.2, kNoon + hours(13));
  pacer.spent(id, 0.9);
  EXPECT_DOUBLE_EQ(pacer.status(kNoon + hours(13)).spent_today_usd, 0.2);
}

/// Expects the stated scores of "cheap" and "dear", chooses greedily with a floor of .1.
class StatedScores final : public policies::Policy {
 public:
  Status distribution(const env::Observation& observation, std::span<double> probabilities,
                      std::span<policies::Score> scores) const override {
    if (broken) return fail(ErrorCode::invalid_argument, "broken");
    std::size_t best = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const bool dear = observation.candidates[i].model == "dear";
      scores[i].quality = dear ? 0.8 : 0.6;
      scores[i].cost_usd = dear ? 0.5 : 0.001;
      scores[i].reward = scores[i].quality - observation.weights.cost * scores[i].cost_usd;
      if (scores[i].reward > scores[best].reward) best = i;
    }
    for (double& p : probabilities) p = 0.1 / static_cast<double>(probabilities.size());
    probabilities[best] += 0.9;
    return {};
  }

  bool broken = false;
};

env::Observation observation_of(std::span<const env::Candidate> candidates) {
  return {{}, candidates, {0.1, 0}, 0};
}

TEST(PacedChoice, WithinTheCeilingThePolicysOwnDistributionStands) {
  BudgetPacer pacer({.usd_per_query = 1});
  Rng rng(1);
  const auto choice = choose_within_budget(pacer, std::make_unique<StatedScores>().get(),
                                           observation_of(kModels), kNoon, rng);
  ASSERT_TRUE(choice);
  EXPECT_THAT(choice->kept, ElementsAre(0, 1));
  EXPECT_THAT(choice->over, IsEmpty());
  EXPECT_THAT(choice->probabilities, ElementsAre(DoubleEq(0.05), DoubleEq(0.95)));
  EXPECT_THAT(choice->expected_usd, ElementsAre(0.001, 0.5));
  EXPECT_EQ(choice->added_cost_weight, 0);
}

TEST(PacedChoice, AHedgeIsRefusedWhereEveryCandidateCouldBreakTheBudget) {
  BudgetPacer pacer({.usd_per_day = 1e-6});
  const StatedScores policy;
  Rng rng(1);
  const auto query = choose_within_budget(pacer, &policy, observation_of(kModels), kNoon, rng);
  ASSERT_TRUE(query);
  EXPECT_THAT(query->kept, ElementsAre(0)) << "the cheapest serves";
  const auto hedge = choose_within_budget(pacer, &policy, observation_of(kModels), kNoon, rng,
                                          false, Spender::hedge);
  ASSERT_FALSE(hedge);
  EXPECT_EQ(hedge.error().code, ErrorCode::unavailable);
}

TEST(PacedChoice, ThePolicyIsAskedAgainAmongWhatTheCeilingLeaves) {
  BudgetPacer pacer({.usd_per_query = 0.002});
  const StatedScores policy;
  Rng rng(1);
  const auto choice = choose_within_budget(pacer, &policy, observation_of(kModels), kNoon, rng);
  ASSERT_TRUE(choice);
  EXPECT_THAT(choice->kept, ElementsAre(0));
  EXPECT_THAT(choice->probabilities, ElementsAre(DoubleEq(1.0)));
  ASSERT_EQ(choice->over.size(), 1u);
  EXPECT_EQ(choice->over[0].candidate, 1u);
  EXPECT_EQ(choice->over[0].expected_usd, 0.5);
  EXPECT_DOUBLE_EQ(choice->left_usd, 0.2);
}

TEST(PacedChoice, WhereNothingIsLeftTheCheapestServesOrNobody) {
  const StatedScores policy;
  for (const bool refuse : {false, true}) {
    BudgetPacer pacer({.usd_per_query = 1e-6, .refuse = refuse});
    Rng rng(1);
    const auto choice = choose_within_budget(pacer, &policy, observation_of(kModels), kNoon, rng);
    ASSERT_EQ(choice.has_value(), !refuse);
    if (refuse) {
      EXPECT_EQ(choice.error().code, ErrorCode::unavailable);
    } else {
      EXPECT_THAT(choice->kept, ElementsAre(0));
    }
  }
}

TEST(PacedChoice, TheCeilingHoldsWithoutAPolicyByEstimatedCosts) {
  BudgetPacer pacer({.usd_per_query = 0.01});
  const std::array<env::Candidate, 2> priced{env::Candidate{"cheap", 0, 0.001},
                                             env::Candidate{"dear", 0, 5}};
  StatedScores broken;
  broken.broken = true;
  Rng rng(1);
  for (const policies::Policy* policy :
       {static_cast<policies::Policy*>(nullptr), static_cast<policies::Policy*>(&broken)}) {
    const auto choice = choose_within_budget(pacer, policy, observation_of(priced), kNoon, rng);
    ASSERT_TRUE(choice);
    EXPECT_THAT(choice->kept, ElementsAre(0));
    EXPECT_THAT(choice->probabilities, IsEmpty());
  }
}

}  // namespace
}  // namespace yardmaster::agent
