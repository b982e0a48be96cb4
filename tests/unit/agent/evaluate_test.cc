// The command `evaluate` as a user calls it, on decision logs.

#include "agent/commands/evaluate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/random.h"
#include "replay/decision_log.h"
#include "tests/common/temp_dir.h"

namespace yardmaster::agent {
namespace {

namespace json = boost::json;

/// One decision between "a" and "b", drawn evenly: "a" is right on the queries about algebra and
/// "b" on the others, "a" costs .001 and "b" .002.
DecisionRecord decide(std::uint64_t number, Rng& rng) {
  const bool algebra = rng.uniform() < 0.5;
  DecisionRecord record;
  record.decision.id = DecisionId::make(Timestamp(std::chrono::seconds(number)), rng);
  record.decision.query =
      algebra ? "Solve the equation x + 4 = 9 for x" : "Write a poem on the first snow in town";
  record.decision.candidates = {"a", "b"};
  record.decision.propensities = {0.5, 0.5};
  record.decision.chosen = rng.uniform() < 0.5 ? 0 : 1;
  record.decision.weights = {30, 0};
  const bool is_a = record.decision.chosen == 0;
  record.outcome.emplace().cost_usd = is_a ? 0.001 : 0.002;
  const double right = is_a == algebra ? 0.9 : 0.2;
  record.feedback.emplace_back().metric = "quality";
  record.feedback.back().value = rng.uniform() < right ? 1 : 0;
  return record;
}

class Evaluate : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (dir_.path() / name).string(); }

  std::string write(const std::string& text) const {
    std::ofstream(path("log.jsonl")) << text;
    return path("log.jsonl");
  }

  std::string log_of(int decisions) const {
    Rng rng(7);
    std::string text;
    for (int i = 1; i <= decisions; ++i) {
      text += replay::to_json_line(decide(static_cast<std::uint64_t>(i), rng)) + '\n';
    }
    return write(text);
  }

  int run(const std::string& arguments) {
    CLI::App app;
    app.require_subcommand(1);
    int exit_code = 0;
    add_evaluate(app, exit_code);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    try {
      app.parse("evaluate " + arguments);
    } catch (const CLI::ParseError&) {
      exit_code = 2;
    }
    output_ = testing::internal::GetCapturedStdout();
    errors_ = testing::internal::GetCapturedStderr();
    return exit_code;
  }

  json::object result_of(const std::string& policy) const {
    std::ifstream file(path("out.json"));
    const std::string text(std::istreambuf_iterator<char>(file), {});
    const json::value parsed = json::parse(text);
    for (const json::value& result : parsed.at("results").as_array()) {
      if (result.at("policy").as_string() == policy) return result.as_object();
    }
    throw std::runtime_error("no result of " + policy);
  }

  std::string output_, errors_;
  test::TempDir dir_;
};

double number(const json::object& object, const char* field) {
  return object.at(field).to_number<double>();
}

TEST_F(Evaluate, TellsWhatAPolicyAndEachModelAloneWouldHaveGot) {
  ASSERT_EQ(run("--log " + log_of(3000) + " --policy default,random --json " + path("out.json")),
            0);
  // Alone: .55 - 30 * .001 and .55 - 30 * .002. The best of each query: .9 - 30 * .0015.
  EXPECT_NEAR(number(result_of("fixed:a"), "reward"), 0.52, 0.04);
  EXPECT_NEAR(number(result_of("fixed:b"), "reward"), 0.49, 0.04);
  EXPECT_NEAR(number(result_of("logged"), "reward"), 0.505, 0.03);
  EXPECT_NEAR(number(result_of("random"), "reward"), 0.505, 0.03);
  EXPECT_NEAR(number(result_of("default"), "last_quarter_reward"), 0.855, 0.05);
  EXPECT_GT(result_of("default").at("gain_ci95").at(0).to_number<double>(), 0.25);
  EXPECT_NEAR(number(result_of("default"), "cost_usd"), 0.0015, 0.0002);
  EXPECT_THAT(output_, testing::HasSubstr("used 3000"));
}

TEST_F(Evaluate, TheWeightOfCostMayBeAnother) {
  ASSERT_EQ(run("--log " + log_of(3000) + " --cost-weight 400 --json " + path("out.json")), 0);
  EXPECT_NEAR(number(result_of("fixed:a"), "reward"), 0.55 - 0.4, 0.04);
  EXPECT_NEAR(number(result_of("fixed:b"), "reward"), 0.55 - 0.8, 0.04);
}

TEST_F(Evaluate, SaysWhereTheLogNeverMadeAPolicysChoices) {
  Rng rng(7);
  std::string text;
  for (std::uint64_t i = 1; i <= 200; ++i) {
    DecisionRecord record = decide(i, rng);
    record.decision.propensities = {1, 0};
    record.decision.chosen = 0;
    text += replay::to_json_line(record) + '\n';
  }
  ASSERT_EQ(run("--log " + write(text) + " --policy random"), 0);
  EXPECT_THAT(output_, testing::HasSubstr("random: the log gave 50% of its choices no chance"));
}

TEST_F(Evaluate, SaysWhatWasObserved) {
  // "b" is served always; the policy would have taken "a" for algebra.
  Rng rng(7);
  std::string text;
  for (std::uint64_t i = 1; i <= 400; ++i) {
    DecisionRecord record = decide(i, rng);
    const bool algebra = record.decision.query->starts_with("Solve");
    record.decision.propensities = {0, 1};
    record.decision.chosen = 1;
    record.outcome->cost_usd = 0.002;
    record.feedback.back().value = algebra ? 0 : 1;
    record.decision.would_choose = algebra ? "a" : "b";
    text += replay::to_json_line(record) + '\n';
  }
  ASSERT_EQ(run("--log " + write(text) + " --json " + path("out.json")), 0);
  const json::object observed = result_of("observed");
  const double algebra = observed.at("choices").at("a").to_number<double>();
  EXPECT_NEAR(algebra, 0.5, 0.1);
  EXPECT_NEAR(observed.at("choices").at("b").to_number<double>(), 1 - algebra, 1e-9);
  EXPECT_NEAR(number(observed, "unsupported_share"), algebra, 1e-9);
  // Where "b" would have been chosen too nothing changes, so the whole gain is that of "a".
  EXPECT_LE(observed.at("cost_gain_usd_ci95").at(0).to_number<double>(),
            number(observed, "cost_gain_usd"));
  EXPECT_GE(observed.at("quality_gain_ci95").at(1).to_number<double>(),
            number(observed, "quality_gain"));
  EXPECT_THAT(output_,
              testing::HasSubstr("observed: in 400 decisions the policy would have chosen"));
  EXPECT_THAT(output_, testing::HasSubstr("observed: the log gave"));
}

TEST_F(Evaluate, WhatIsServedIsNotObserved) {
  ASSERT_EQ(run("--log " + log_of(50) + " --json " + path("out.json")), 0);
  EXPECT_THROW(result_of("observed"), std::runtime_error);
  EXPECT_THAT(output_, testing::Not(testing::HasSubstr("observed")));
}

TEST_F(Evaluate, CountsBrokenLinesAndUsesTheOthers) {
  std::string text;
  Rng rng(7);
  for (std::uint64_t i = 1; i <= 20; ++i) {
    text += replay::to_json_line(decide(i, rng)) + "\n{\"broken\n";
  }
  ASSERT_EQ(run("--log " + write(text)), 0);
  EXPECT_THAT(output_, testing::HasSubstr("read 40 lines, used 20, refused 20"));
}

TEST_F(Evaluate, LearnsFromDecisionsWithoutFeedbackButCountsOnlyTheOthers) {
  Rng rng(7);
  std::string text;
  for (std::uint64_t i = 1; i <= 20; ++i) {
    DecisionRecord record = decide(i, rng);
    if (i % 2 == 0) record.feedback.clear();
    text += replay::to_json_line(record) + '\n';
  }
  ASSERT_EQ(run("--log " + write(text)), 0);
  EXPECT_THAT(output_, testing::HasSubstr("10 of them have feedback"));
}

TEST_F(Evaluate, LearnsFromHedgesButCountsOnlyTheOthers) {
  Rng rng(7);
  std::string text;
  for (std::uint64_t i = 1; i <= 20; ++i) {
    DecisionRecord record = decide(i, rng);
    if (i % 4 == 0) record.decision.hedge_of = DecisionId::make(Timestamp(), rng);
    text += replay::to_json_line(record) + '\n';
  }
  ASSERT_EQ(run("--log " + write(text)), 0);
  EXPECT_THAT(output_, testing::HasSubstr("15 of them"));
}

TEST_F(Evaluate, SaysWhatIsWrong) {
  const std::string log = log_of(5);
  EXPECT_EQ(run("--log " + path("absent")), 1);
  EXPECT_EQ(run(""), 2);
  EXPECT_EQ(run("--log " + log + " --policy nonsense"), 2);
  EXPECT_THAT(errors_, testing::HasSubstr("lints"));
  EXPECT_EQ(run("--log " + log + " --policy fixed:nobody"), 2);
  EXPECT_THAT(errors_, testing::HasSubstr("nobody"));
  EXPECT_EQ(run("--log " + log + " --cost-weight -1"), 2);
  EXPECT_EQ(run("--log " + log + " --encoder nonsense"), 2);
  EXPECT_EQ(run("--log " + write("{\"model\":\"a\",\"quality\":1}\n")), 1);
  EXPECT_THAT(errors_, testing::HasSubstr("yardmaster export"));
  Rng rng(7);
  DecisionRecord unjudged = decide(1, rng);
  unjudged.feedback.clear();
  EXPECT_EQ(run("--log " + write(replay::to_json_line(unjudged) + '\n')), 1);
  EXPECT_THAT(errors_, testing::HasSubstr("feedback"));
}

}  // namespace
}  // namespace yardmaster::agent
