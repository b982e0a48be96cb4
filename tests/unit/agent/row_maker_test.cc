#include "agent/logs/row_maker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace yardmaster::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Timestamp kNow{std::chrono::seconds(1000)};
constexpr ObjectiveWeights kWeights{30, 0};

env::ModelSpec priced(std::string name, double input, double output) {
  env::ModelSpec model;
  model.name = std::move(name);
  model.input_usd_per_mtok = input;
  model.output_usd_per_mtok = output;
  return model;
}

class RowMakerTest : public testing::Test {
 protected:
  RowMakerTest() {
    env::ModelSpec free;
    free.name = "unpriced";
    pool_ = std::make_unique<env::ModelPool>(
        *env::ModelPool::make({priced("large", 2, 10), priced("small", 1, 1), free}));
    env::MetricSpec quality;
    quality.name = "quality";
    objective_ =
        std::make_unique<env::QualityObjective>(*env::QualityObjective::make({quality}, {}));
    encoder_ = *env::make_encoder("hash");
    maker_ = std::make_unique<RowMaker>(*encoder_, *pool_, *objective_, kWeights);
  }

  Features encoded(std::string_view text) const {
    Features features{std::string(encoder_->name()), encoder_->version(),
                      std::vector<float>(encoder_->dimension())};
    encoder_->encode(env::query_from_text(text), features.values);
    return features;
  }

  /// A decision for "large" with probability .25, judged .5.
  static DecisionRecord judged_decision() {
    DecisionRecord record;
    record.decision.time = Timestamp(std::chrono::seconds(5));
    record.decision.candidates = {"small", "large"};
    record.decision.propensities = {0.75, 0.25};
    record.decision.chosen = 1;
    record.decision.weights = {10, 1};
    record.decision.price_reference = 0.002;
    record.decision.query = "Prove it.";
    record.feedback.push_back({"quality", 0.5, kNow, "", "", "", ""});
    return record;
  }

  std::unique_ptr<env::ModelPool> pool_;
  std::unique_ptr<env::QualityObjective> objective_;
  std::unique_ptr<env::Encoder> encoder_;
  std::unique_ptr<RowMaker> maker_;
};

TEST_F(RowMakerTest, MakesFullInformationOfAnOutcomeLine) {
  env::OutcomeExample example;
  example.query = "Prove it.";
  example.outcomes = {{"large", 0.9, 0.01, 2.0, {}, {}},
                      {"stranger", 1.0, {}, {}, {}, {}},
                      {"small", 0.5, {}, {}, 1000, 500}};
  const auto made = maker_->from_outcomes(example, kNow);
  ASSERT_TRUE(made);
  EXPECT_THAT(made->left_out, ElementsAre("model 'stranger' is not in the pool"));
  EXPECT_EQ(made->row.features, encoded("Prove it."));
  EXPECT_EQ(made->row.weights, kWeights);
  EXPECT_EQ(made->row.time, kNow);
  EXPECT_EQ(made->row.decision, DecisionId());
  ASSERT_EQ(made->row.outcomes.size(), 2u);
  const ArmOutcome& large = made->row.outcomes[0];
  EXPECT_EQ(large.propensity, 1);
  EXPECT_EQ(large.quality, 0.9);
  EXPECT_EQ(large.cost_usd, 0.01);
  EXPECT_EQ(large.latency_s, 2.0);
  EXPECT_DOUBLE_EQ(large.price_reference, (750 * 2 + 250 * 10) * 1e-6);
  EXPECT_DOUBLE_EQ(*made->row.outcomes[1].cost_usd, 1500e-6);  // tokens times prices
}

TEST_F(RowMakerTest, RefusesAnOutcomeLineWithoutAnyModelOfThePool) {
  env::OutcomeExample example;
  example.query = "q";
  example.outcomes = {{"stranger", 1.0, {}, {}, {}, {}}};
  EXPECT_EQ(maker_->from_outcomes(example, kNow).error().message,
            "model 'stranger' is not in the pool");
}

TEST_F(RowMakerTest, KeepsThePropensityWeightsAndPriceOfALoggedDecision) {
  const auto made = maker_->from_decision(judged_decision());
  ASSERT_TRUE(made);
  EXPECT_EQ(made->row.weights, (ObjectiveWeights{10, 1}));
  EXPECT_EQ(made->row.time, Timestamp(std::chrono::seconds(5)));
  ASSERT_EQ(made->row.outcomes.size(), 1u);
  const ArmOutcome& outcome = made->row.outcomes[0];
  EXPECT_EQ(outcome.model, "large");
  EXPECT_EQ(outcome.propensity, 0.25);
  EXPECT_EQ(outcome.price_reference, 0.002);
  EXPECT_EQ(outcome.quality, 0.5);
  EXPECT_EQ(outcome.cost_usd, std::nullopt);
}

TEST_F(RowMakerTest, TakesOverFeaturesOfTheSameEncoderAndMakesOthersAnew) {
  DecisionRecord record = judged_decision();
  Features logged = encoded("something else");
  record.decision.features = logged;
  EXPECT_EQ(maker_->from_decision(record)->row.features, logged);
  record.decision.features.version += 1;
  EXPECT_EQ(maker_->from_decision(record)->row.features, encoded("Prove it."));
  record.decision.query.reset();
  const auto refused = maker_->from_decision(record);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("the query's text is not in the log"));
}

TEST_F(RowMakerTest, AFailedCallCountsAsQualityZeroWhateverTheFeedback) {
  DecisionRecord record = judged_decision();
  record.outcome = Outcome{};
  record.outcome->status = Outcome::Status::error;
  record.decision.estimated_cost_usd = 0.01;
  const auto made = maker_->from_decision(record);
  EXPECT_EQ(made->row.outcomes[0].quality, 0);
  EXPECT_EQ(made->row.outcomes[0].cost_usd, std::nullopt);
}

TEST_F(RowMakerTest, ACancelledCallHasItsEstimatedCostAndNoQualityWhateverTheFeedback) {
  DecisionRecord record = judged_decision();
  record.outcome = Outcome{};
  record.outcome->status = Outcome::Status::cancelled;
  record.outcome->latency_s = 2;  // when it was given up
  record.decision.estimated_cost_usd = 0.01;
  const auto made = maker_->from_decision(record);
  EXPECT_EQ(made->row.outcomes[0].latency_s, std::nullopt);
  EXPECT_EQ(made->row.outcomes[0].quality, std::nullopt);
  EXPECT_EQ(made->row.outcomes[0].cost_usd, 0.01);
}

TEST_F(RowMakerTest, ASuccessWithoutAReportedCostCountsWithItsEstimate) {
  DecisionRecord record = judged_decision();
  record.decision.estimated_cost_usd = 0.01;
  EXPECT_EQ(maker_->from_decision(record)->row.outcomes[0].cost_usd, 0.01);
}

TEST_F(RowMakerTest, RefusesADecisionOfWhichNothingIsKnown) {
  DecisionRecord record = judged_decision();
  record.feedback.clear();
  EXPECT_THAT(maker_->from_decision(record).error().message,
              HasSubstr("neither an outcome nor feedback"));
  record = judged_decision();
  record.decision.propensities = {1, 0};
  EXPECT_THAT(maker_->from_decision(record).error().message, HasSubstr("propensity"));
  record = judged_decision();
  record.decision.candidates[1] = "stranger";
  EXPECT_THAT(maker_->from_decision(record).error().message, HasSubstr("not in the pool"));
}

TEST_F(RowMakerTest, FindsLiteLlmsModelsByGroupNameOrNameWithoutProvider) {
  LiteLlmCall call;
  call.quality = 1;
  call.model = "openai/large";
  EXPECT_EQ(maker_->from_litellm(call, kNow)->row.outcomes[0].model, "large");
  call.model_group = "small";
  EXPECT_EQ(maker_->from_litellm(call, kNow)->row.outcomes[0].model, "small");
  call.model_group.clear();
  call.model = "openai/other";
  EXPECT_THAT(maker_->from_litellm(call, kNow).error().message, HasSubstr("not in the pool"));
}

TEST_F(RowMakerTest, LearnsOnlyAveragesFromACallWithoutText) {
  LiteLlmCall call;
  call.model = "small";
  call.quality = 1;
  call.input_tokens = 10;
  call.output_tokens = 10;
  const auto made = maker_->from_litellm(call, kNow);
  ASSERT_TRUE(made);
  EXPECT_THAT(made->row.features.values, testing::Each(0.0f));
  EXPECT_EQ(made->row.features.values.size(), encoder_->dimension());
  EXPECT_DOUBLE_EQ(*made->row.outcomes[0].cost_usd, 20e-6);
  EXPECT_EQ(made->row.time, kNow);
}

TEST_F(RowMakerTest, RefusesUsageOfAModelWithoutPrices) {
  LiteLlmCall call;
  call.model = "unpriced";
  call.input_tokens = 10;
  call.output_tokens = 10;
  EXPECT_THAT(maker_->from_litellm(call, kNow).error().message, HasSubstr("prices"));
}

}  // namespace
}  // namespace yardmaster::agent
