#include "agent/simulation/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>

#include "agent/simulation.h"
#include "agent/simulation/feedback.h"

namespace yardmaster::agent {
namespace {

using Kind = ScenarioEvent::Kind;

const Progress kSilent = [](double) {};

/// Two models of the same quality for every query: "good" .8 for .01, "fair" .6 for nothing.
SimulationData good_and_fair(std::size_t rows) {
  SimulationData data;
  data.models = {"good", "fair"};
  data.price_references = {0.02, 0};
  data.encoder = "test";
  data.dimension = 1;
  for (std::size_t row = 0; row < rows; ++row) {
    data.features.push_back(1);
    data.cells.push_back({true, 0.8, 0.01, std::nullopt});
    data.cells.push_back({true, 0.6, 0, std::nullopt});
  }
  return data;
}

SimulationOptions options_with(double cost_weight, std::vector<ScenarioEvent> events = {}) {
  SimulationOptions options;
  options.weights = {cost_weight, 0};
  options.seeds = {1};
  options.events = std::move(events);
  return options;
}

ScenarioEvent event(Kind kind, const std::string& text) { return *parse_event(kind, text); }

/// Chooses "good" where it is a candidate, and keeps what it was shown.
class Spy final : public policies::Learner, public policies::Policy {
 public:
  struct Seen {
    std::map<std::string, double> prices;  ///< the candidates of one decision
    std::uint64_t decisions = 0;
  };

  Status distribution(const env::Observation& observation, std::span<double> probabilities,
                      std::span<policies::Score>) const override {
    seen.push_back({{}, observation.decisions});
    for (const auto& candidate : observation.candidates) {
      seen.back().prices.emplace(candidate.model, candidate.price_reference);
    }
    std::fill(probabilities.begin(), probabilities.end(), 0.0);
    probabilities[0] = 1;
    return {};
  }

  Status learn(const TrainingRow& row) override {
    decisions_when_learned.push_back(seen.size());
    rows.push_back(row);
    return {};
  }
  const Policy& live() const override { return *this; }
  std::shared_ptr<const Policy> snapshot() const override { return nullptr; }
  void add_arm(std::string_view model) override { added.emplace_back(model); }
  void remove_arm(std::string_view model) override { removed.emplace_back(model); }
  std::vector<std::string> arms() const override { return {}; }
  Status save(std::ostream&) const override { return {}; }
  Status load(std::istream&) override { return {}; }

  mutable std::vector<Seen> seen;
  std::vector<TrainingRow> rows;
  std::vector<std::size_t> decisions_when_learned;
  std::vector<std::string> added, removed;
};

/// Replays with a spy, then shows it to `use`.
template <class Use>
SimulationResult spy_on(const SimulationData& data, const SimulationOptions& options, Use&& use) {
  // simulate() owns its learner, and the spy is to outlive it.
  class Reporting final : public policies::Learner {
   public:
    explicit Reporting(Spy& spy) : spy_(spy) {}
    Status learn(const TrainingRow& row) override { return spy_.learn(row); }
    const policies::Policy& live() const override { return spy_; }
    std::shared_ptr<const policies::Policy> snapshot() const override { return nullptr; }
    void add_arm(std::string_view model) override { spy_.add_arm(model); }
    void remove_arm(std::string_view model) override { spy_.remove_arm(model); }
    std::vector<std::string> arms() const override { return {}; }
    Status save(std::ostream&) const override { return {}; }
    Status load(std::istream&) override { return {}; }

   private:
    Spy& spy_;
  };
  Spy spy;
  const LearnerFactory make = [&](std::uint64_t) -> Result<std::unique_ptr<policies::Learner>> {
    return std::unique_ptr<policies::Learner>(std::make_unique<Reporting>(spy));
  };
  auto result = simulate(data, "spy", make, options, kSilent);
  EXPECT_TRUE(result) << result.error().message;
  use(spy);
  return *result;
}

TEST(ScenarioFlags, NamesOfModelsMayHoldTheSigns) {
  const auto price = parse_event(Kind::price, "a=b@c/d=0.1@500");
  ASSERT_TRUE(price) << price.error().message;
  EXPECT_EQ(price->model, "a=b@c/d");
  EXPECT_EQ(price->factor, 0.1);
  EXPECT_EQ(price->round.of(2000), 500u);
}

TEST(ScenarioFlags, ARoundMayBeAPartOfAll) {
  EXPECT_EQ(event(Kind::add, "m@50%").round.of(2000), 1000u);
}

TEST(ScenarioFlags, WhatCannotBeReadIsRefused) {
  for (const char* text : {"", "m", "m@", "@5", "m@-1", "m@1.5", "m@101%", "m@nan", "m@5x"}) {
    EXPECT_FALSE(parse_event(Kind::add, text)) << text;
  }
  for (const char* text : {"m@5", "m=@5", "m=-1@5", "m=inf@5", "=1@5"}) {
    EXPECT_FALSE(parse_event(Kind::quality, text)) << text;
  }
  for (const char* text : {"", "-1", "exp:", "exp:x", "uniform:5", "uniform:9:5", "gamma:3"}) {
    EXPECT_FALSE(parse_delay(text)) << text;
  }
  for (const char* text : {"", "m", "=0.1", "m=", "m=x", "m=nan"}) {
    EXPECT_FALSE(parse_bias(text)) << text;
  }
}

TEST(ScenarioFlags, DrawnDelaysHaveTheMeansTheySay) {
  Rng rng(1);
  const auto exponential = *parse_delay("exp:500"), uniform = *parse_delay("uniform:100:300");
  double exponential_sum = 0, uniform_sum = 0;
  for (int i = 0; i < 20'000; ++i) {
    exponential_sum += static_cast<double>(exponential.draw(rng));
    const std::uint64_t drawn = uniform.draw(rng);
    ASSERT_TRUE(drawn >= 100 && drawn <= 300);
    uniform_sum += static_cast<double>(drawn);
  }
  EXPECT_NEAR(exponential_sum / 20'000, 500, 15);
  EXPECT_NEAR(uniform_sum / 20'000, 200, 2);
}

TEST(Scenario, APriceChangeActsOnCostsAndIsToldToThePolicy) {
  const auto result = spy_on(
      good_and_fair(10), options_with(10, {event(Kind::price, "good=0.5@6")}), [](const Spy& spy) {
        EXPECT_EQ(spy.seen[5].prices.at("good"), 0.02);
        EXPECT_EQ(spy.seen[6].prices.at("good"), 0.01);
        EXPECT_EQ(*spy.rows[5].outcomes[0].cost_usd, 0.01);
        EXPECT_EQ(*spy.rows[6].outcomes[0].cost_usd, 0.005);
        EXPECT_EQ(spy.rows[6].outcomes[0].price_reference, 0.01);
      });
  EXPECT_NEAR(result.mean_cost_usd, 0.008, 1e-12);
}

TEST(Scenario, ADegradedModelIsWorseAndThePolicyIsNotTold) {
  const auto result =
      spy_on(good_and_fair(10), options_with(0, {event(Kind::quality, "best=0.5@50%")}),
             [](const Spy& spy) {
               EXPECT_EQ(spy.seen[4].prices, spy.seen[5].prices);
               EXPECT_EQ(*spy.rows[4].outcomes[0].quality, 0.8);
               EXPECT_EQ(*spy.rows[5].outcomes[0].quality, 0.4);
             });
  EXPECT_NEAR(result.mean_reward, 0.6, 1e-12);
}

TEST(Scenario, AModelIsNoCandidateBeforeItIsAddedNorAfterItIsRemoved) {
  spy_on(good_and_fair(10),
         options_with(0, {event(Kind::add, "good@3"), event(Kind::remove, "good@7")}),
         [](const Spy& spy) {
           for (std::size_t round = 0; round < 10; ++round) {
             EXPECT_EQ(spy.seen[round].prices.contains("good"), round >= 3 && round < 7) << round;
           }
           EXPECT_THAT(spy.added, testing::ElementsAre("good"));
           EXPECT_THAT(spy.removed, testing::ElementsAre("good"));
         });
}

TEST(Scenario, BaselinesFollowTheChanges) {
  // good .8, then .4; fair .6 throughout. Whole run of good: .6; of fair: .6; switching .7.
  const auto options = options_with(0, {event(Kind::quality, "good=0.5@40%")});
  const auto results = *simulate_baselines(good_and_fair(100), options);
  std::map<std::string, double> rewards;
  for (const auto& result : results) rewards[result.policy] = result.mean_reward;
  EXPECT_NEAR(rewards.at("best_fixed"), 0.6, 1e-12);
  EXPECT_NEAR(rewards.at("best_switching"), 0.4 * 0.8 + 0.6 * 0.6, 1e-12);
  EXPECT_NEAR(rewards.at("oracle"), 0.4 * 0.8 + 0.6 * 0.6, 1e-12);
}

TEST(Scenario, WithoutAChangeThereIsNothingToSwitch) {
  const auto results = *simulate_baselines(good_and_fair(10), options_with(0));
  EXPECT_EQ(results.size(), 3u);
}

TEST(Scenario, RecoveryIsTheFirstWindowWithATenthOfTheLossLeft) {
  // "good" falls from .8 to .4 at round 200 and staying with it loses .2 a round.
  SimulationData data = good_and_fair(600);
  const auto options = options_with(0, {event(Kind::quality, "good=0.5@200")});
  const auto stays = spy_on(data, options, [](const Spy&) {});
  ASSERT_EQ(stays.changes.size(), 1u);
  EXPECT_EQ(stays.changes[0].round, 200u);
  EXPECT_EQ(stays.changes[0].best_before, "good");
  EXPECT_EQ(stays.changes[0].best_after, "fair");
  EXPECT_NEAR(stays.changes[0].loss, 0.2, 1e-12);
  EXPECT_NEAR(stays.changes[0].reward_before, 0.8, 1e-12);
  ASSERT_EQ(stays.changes[0].after.size(), 8u);
  EXPECT_NEAR(stays.changes[0].after[7].gap, -0.2, 1e-12);
  EXPECT_NEAR(stays.changes[0].after[7].share, 1, 1e-12);
  EXPECT_FALSE(stays.changes[0].recovery_rounds);

  const auto switches = simulate(data, "fixed:fair", options, kSilent);
  EXPECT_EQ(switches->changes[0].recovery_rounds, 50u);
}

TEST(Scenario, TheCurveHoldsTheMeansOfItsWindows) {
  const auto result = simulate(good_and_fair(400), "fixed:good",
                               options_with(0, {event(Kind::quality, "good=0.5@200")}), kSilent);
  ASSERT_EQ(result->curve.size(), 40u);
  EXPECT_EQ(result->curve[0].round, 10u);
  EXPECT_EQ(result->curve[39].round, 400u);
  EXPECT_NEAR(result->curve[19].reward, 0.8, 1e-12);
  EXPECT_NEAR(result->curve[20].reward, 0.4, 1e-12);
  EXPECT_NEAR(result->curve[20].cost_usd, 0.01, 1e-12);
}

TEST(Scenario, AJudgeChangesWhatIsLearnedAndNotWhatIsScored) {
  SimulationOptions options = options_with(0);
  options.feedback.biases = {{"good", -0.3}};
  const auto result = spy_on(good_and_fair(20), options, [](const Spy& spy) {
    for (const auto& row : spy.rows) EXPECT_NEAR(*row.outcomes[0].quality, 0.5, 1e-12);
  });
  EXPECT_NEAR(result.mean_quality, 0.8, 1e-12);
}

TEST(Scenario, JudgeNoiseHasItsDeviationAndStaysWithinTheRange) {
  SimulationOptions options = options_with(0);
  options.feedback.judge_noise = 0.05;
  spy_on(good_and_fair(4000), options, [](const Spy& spy) {
    double sum = 0, squares = 0;
    for (const auto& row : spy.rows) {
      const double error = *row.outcomes[0].quality - 0.8;
      sum += error;
      squares += error * error;
    }
    EXPECT_NEAR(sum / 4000, 0, 0.004);
    EXPECT_NEAR(std::sqrt(squares / 4000), 0.05, 0.003);
  });
  options.feedback.judge_noise = 5;
  spy_on(good_and_fair(100), options, [](const Spy& spy) {
    for (const auto& row : spy.rows) {
      EXPECT_TRUE(*row.outcomes[0].quality >= 0 && *row.outcomes[0].quality <= 1);
    }
  });
}

TEST(Scenario, AFixedDelayIsSoManyDecisions) {
  SimulationOptions options = options_with(0);
  options.feedback.delay = *parse_delay("3");
  spy_on(good_and_fair(10), options, [](const Spy& spy) {
    ASSERT_EQ(spy.rows.size(), 7u);
    EXPECT_EQ(spy.decisions_when_learned[0], 4u);
    EXPECT_EQ(spy.rows[0].decision_sequence, 1u);
  });
}

TEST(Scenario, DrawnDelaysMixTheOrderAndSequencesStayDense) {
  SimulationOptions options = options_with(0);
  options.feedback.delay = *parse_delay("uniform:0:50");
  spy_on(good_and_fair(200), options, [](const Spy& spy) {
    bool mixed = false;
    for (std::size_t i = 0; i < spy.rows.size(); ++i) {
      EXPECT_EQ(spy.rows[i].sequence, i + 1);
      mixed = mixed || (i > 0 && spy.rows[i].decision_sequence < spy.rows[i - 1].decision_sequence);
    }
    EXPECT_TRUE(mixed);
  });
}

TEST(Scenario, WhatABudgetCouldBuyIsAmongTheBaselines) {
  // good .8 for .01, fair .6 for nothing: a budget of .0025 buys good for a quarter.
  SimulationOptions options = options_with(0);
  options.budget.usd_per_query = 0.0025;
  options.rounds = 4000;
  std::map<std::string, SimulationResult> results;
  const auto baselines = *simulate_baselines(good_and_fair(4000), options);
  for (const auto& result : baselines) results[result.policy] = result;
  EXPECT_NEAR(results.at("best_mix").mean_cost_usd, 0.0025, 0.0002);
  EXPECT_NEAR(results.at("best_mix").mean_reward, 0.65, 0.005);
  EXPECT_LE(results.at("budget_oracle").mean_cost_usd, 0.0025);
}

TEST(Scenario, ABudgetKeepsTheMeanCost) {
  SimulationOptions options = options_with(0);
  options.budget.usd_per_query = 0.004;
  options.seeds = {1, 2, 3, 4};
  const auto result = simulate(good_and_fair(4000), "lints", options, kSilent);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_NEAR(result->mean_cost_usd, 0.004, 0.01 * 0.004);
  EXPECT_LE(result->highest_mean_cost_usd, 1.01 * 0.004);
}

TEST(Scenario, WarmLogsAreUniformChoicesLearnedFirstAndNotPlayed) {
  SimulationOptions options = options_with(0);
  options.warm_rows = 400;
  const auto result = spy_on(good_and_fair(500), options, [](const Spy& spy) {
    ASSERT_EQ(spy.rows.size(), 500u);
    int good = 0;
    for (std::size_t i = 0; i < 400; ++i) {
      ASSERT_EQ(spy.rows[i].outcomes.size(), 1u);
      EXPECT_EQ(spy.rows[i].outcomes[0].propensity, 0.5);
      EXPECT_EQ(spy.decisions_when_learned[i], 0u);
      good += spy.rows[i].outcomes[0].model == "good" ? 1 : 0;
    }
    EXPECT_NEAR(good, 200, 40);
    EXPECT_EQ(spy.seen[0].decisions, 400u);
    EXPECT_EQ(spy.rows[400].sequence, 401u);
  });
  EXPECT_EQ(result.rounds, 100u);
}

TEST(Scenario, AFullWarmStartShowsEveryModel) {
  SimulationOptions options = options_with(0);
  options.warm_rows = 10;
  options.warm_full = true;
  spy_on(good_and_fair(20), options,
         [](const Spy& spy) { EXPECT_EQ(spy.rows[0].outcomes.size(), 2u); });
}

TEST(Scenario, WarmRowsAreNotPlayedInLaterPassesEither) {
  SimulationData data = good_and_fair(20);
  for (std::size_t row = 0; row < 20; ++row) data.features[row] = static_cast<float>(row);
  SimulationOptions options = options_with(0);
  options.warm_rows = 5;
  options.rounds = 45;
  spy_on(data, options, [](const Spy& spy) {
    std::map<float, int> times;
    for (std::size_t i = 5; i < spy.rows.size(); ++i) ++times[spy.rows[i].features.values[0]];
    EXPECT_EQ(times.size(), 15u);
    for (const auto& [row, count] : times) EXPECT_EQ(count, 3) << row;
  });
}

TEST(Scenario, WhatDoesNotFitTheDataIsRefused) {
  const SimulationData data = good_and_fair(10);
  const auto refused = [&](const SimulationOptions& options) {
    const auto result = simulate(data, "random", options, kSilent);
    return !result && result.error().code == ErrorCode::invalid_argument;
  };
  EXPECT_TRUE(refused(options_with(0, {event(Kind::quality, "none=0.5@5")})));
  EXPECT_TRUE(refused(options_with(0, {event(Kind::quality, "good=0.5@10")})));
  EXPECT_TRUE(
      refused(options_with(0, {event(Kind::remove, "good@5"), event(Kind::remove, "fair@6")})));
  SimulationOptions options = options_with(0);
  options.warm_rows = 10;
  EXPECT_TRUE(refused(options));
  options = options_with(0);
  options.feedback.biases = {{"none", 0.1}};
  EXPECT_TRUE(refused(options));
}

}  // namespace
}  // namespace yardmaster::agent
