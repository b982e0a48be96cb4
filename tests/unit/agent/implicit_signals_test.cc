#include "agent/implicit_signals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"

namespace yardmaster::agent {
namespace {

using env::Finish;
using env::MetricSpec;
using Source = MetricSpec::Source;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr Timestamp kStart{std::chrono::seconds(1'000'000)};

DecisionId id(std::uint64_t seed) {
  Rng rng(seed);
  return DecisionId::make(kStart, rng);
}

std::vector<MetricSpec> all_metrics() {
  std::vector<MetricSpec> metrics{{.name = "quality"}};
  for (const auto& [name, source] :
       {std::pair{"failed", Source::error}, std::pair{"wait", Source::first_token},
        std::pair{"time", Source::latency}, std::pair{"refused", Source::refusal},
        std::pair{"cut", Source::truncation}, std::pair{"again", Source::regeneration}}) {
    MetricSpec& metric = metrics.emplace_back();
    metric.name = name;
    metric.max = 2;
    metric.source = source;
  }
  return metrics;
}

std::vector<std::pair<std::string, double>> measured(const Outcome& outcome,
                                                     std::optional<Finish> finish) {
  std::vector<std::pair<std::string, double>> values;
  for (const auto& item : implicit_feedback(all_metrics(), id(1), outcome, finish)) {
    EXPECT_EQ(item.target.id, id(1).str());
    EXPECT_EQ(item.feedback.judge, "yardmaster");
    values.emplace_back(item.feedback.metric, item.feedback.value);
  }
  return values;
}

TEST(ImplicitFeedback, AnAnswerTellsAllThatItsMetricsMeasure) {
  Outcome outcome;
  outcome.latency_s = 7;
  outcome.first_token_s = 0.25;
  EXPECT_THAT(measured(outcome, Finish::length),
              ElementsAre(Pair("failed", 0), Pair("wait", 0.25), Pair("time", 2),
                          Pair("refused", 0), Pair("cut", 1), Pair("again", 0)));
  outcome.first_token_s.reset();
  EXPECT_THAT(measured(outcome, Finish::refusal),
              ElementsAre(Pair("failed", 0), Pair("time", 2), Pair("refused", 1), Pair("cut", 0),
                          Pair("again", 0)));
  EXPECT_THAT(measured(outcome, {}),
              ElementsAre(Pair("failed", 0), Pair("time", 2), Pair("again", 0)));
}

TEST(ImplicitFeedback, AFailureTellsThatAloneAndARejectionOrACancelledCallNothing) {
  Outcome outcome;
  outcome.latency_s = 1;
  outcome.status = Outcome::Status::error;
  EXPECT_THAT(measured(outcome, {}), ElementsAre(Pair("failed", 1)));
  outcome.status = Outcome::Status::rejected;
  EXPECT_THAT(measured(outcome, {}), IsEmpty());
  outcome.status = Outcome::Status::cancelled;
  EXPECT_THAT(measured(outcome, {}), IsEmpty());
}

TEST(Regenerations, TheSameQueryWithinTheWindowTellsOfTheAnswerBefore) {
  Regenerations regenerations;
  EXPECT_EQ(regenerations.note("a", id(1), kStart), std::nullopt);
  EXPECT_EQ(regenerations.note("b", id(2), kStart), std::nullopt);
  EXPECT_EQ(regenerations.note("a", id(3), kStart + minutes(9)), id(1));
  EXPECT_EQ(regenerations.note("a", id(4), kStart + minutes(19)), id(3));
  EXPECT_EQ(regenerations.note("a", id(5), kStart + minutes(30)), std::nullopt);
}

TEST(Regenerations, TheOldestAreForgottenBeyondTheBound) {
  Regenerations regenerations;
  for (std::size_t i = 0; i <= Regenerations::kMost; ++i) {
    regenerations.note(std::to_string(i), id(i), kStart);
  }
  EXPECT_EQ(regenerations.note("0", id(9), kStart), std::nullopt);
  EXPECT_EQ(regenerations.note(std::to_string(Regenerations::kMost), id(9), kStart),
            id(Regenerations::kMost));
}

}  // namespace
}  // namespace yardmaster::agent
