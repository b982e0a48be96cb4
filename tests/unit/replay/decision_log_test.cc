#include "replay/decision_log.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/unit/replay/arbitrary_records.h"

namespace yardmaster::replay {
namespace {

DecisionRecord example() {
  DecisionRecord record;
  Decision& decision = record.decision;
  decision.id = *DecisionId::parse("01940000-0000-7000-8000-0000000000ff");
  decision.time = *parse_rfc3339("2026-01-31T12:00:00.5Z");
  decision.router = "auto";
  decision.session_id = "s1";
  decision.query = "say \"hi\"\n";
  decision.features = {"hash", 2, {0.1F, -3}};
  decision.candidates = {"small", "large"};
  decision.propensities = {0.9, 0.1};
  decision.chosen = 1;
  decision.filtered = {{"tiny", "context too small"}};
  decision.weights = {30, 0};
  decision.policy_version = 12;
  decision.price_reference = 0.004;
  decision.estimated_cost_usd = 1e-05;
  decision.estimated_input_tokens = 7;
  record.outcome = Outcome{.status = Outcome::Status::ok,
                           .time = decision.time + std::chrono::seconds(1),
                           .latency_s = 0.75,
                           .first_token_s = 0.25,
                           .input_tokens = 10,
                           .output_tokens = 20,
                           .cost_usd = 0.000125,
                           .error = ""};
  record.response_id = "resp-1";
  Feedback feedback;
  feedback.metric = "quality";
  feedback.value = 0.8;
  feedback.time = decision.time + std::chrono::seconds(2);
  feedback.judge = "app";
  record.feedback = {feedback};
  return record;
}

constexpr std::string_view kExampleLine =
    R"({"decision_id":"01940000-0000-7000-8000-0000000000ff",)"
    R"("time":"2026-01-31T12:00:00.500000Z","session_id":"s1","query":"say \"hi\"\n",)"
    R"("features":{"encoder":"hash","version":2,"values":[0.1,-3]},)"
    R"("candidates":["small","large"],"propensities":[0.9,0.1],"model":"large","router":"auto",)"
    R"("weights":{"cost":30,"latency":0},)"
    R"("filtered":[{"model":"tiny","reason":"context too small"}],"policy_version":12,)"
    R"("outcome":{"status":"ok","latency_s":0.75,"first_token_s":0.25,"input_tokens":10,)"
    R"("output_tokens":20,)"
    R"("cost_usd":0.000125,"time":"2026-01-31T12:00:01.500000Z","response_id":"resp-1"},)"
    R"("feedback":[{"metric":"quality","value":0.8,"time":"2026-01-31T12:00:02.500000Z",)"
    R"("judge":"app"}],"price_reference":0.004,"estimated_cost_usd":1e-05,)"
    R"("estimated_input_tokens":7})";

bool same(const DecisionRecord& a, const DecisionRecord& b) {
  return a.decision == b.decision && a.outcome == b.outcome && a.feedback == b.feedback &&
         (!a.outcome || a.response_id == b.response_id);
}

TEST(DecisionLog, AConversationIsOfSixteenHexDigits) {
  DecisionRecord record = example();
  record.decision.conversation = 0xfedcba9876543210;
  const std::string line = to_json_line(record);
  EXPECT_NE(line.find(R"("session_id":"s1","conversation":"fedcba9876543210")"), line.npos) << line;
  EXPECT_EQ(from_json_line(line)->decision, record.decision);
  std::string damaged = line;
  damaged.replace(damaged.find("fedc"), 4, "long");
  EXPECT_NE(from_json_line(damaged).error().message.find("conversation"), line.npos);
}

TEST(DecisionLog, ALineHasTheFieldsOfTheFormatInTheirOrder) {
  EXPECT_EQ(to_json_line(example()), kExampleLine);
}

TEST(DecisionLog, ALineReadsBackAsTheRecord) {
  const auto read = from_json_line(kExampleLine);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(same(*read, example()));
}

RC_GTEST_PROP(DecisionLog, EveryRecordReadsBackBitForBit, ()) {
  DecisionRecord record;
  record.decision = any_decision();
  record.outcome = maybe(any_outcome);
  record.response_id = any_text();
  const auto judged = *rc::gen::inRange(0, 3);
  for (int i = 0; i < judged; ++i) record.feedback.push_back(any_feedback());
  const std::string line = to_json_line(record);
  RC_ASSERT(line.find('\n') == std::string::npos);
  const auto read = from_json_line(line);
  if (!read) RC_FAIL(read.error().message);
  RC_ASSERT(same(*read, record));
}

RC_GTEST_PROP(DecisionLog, AnyTextGivesARecordOrAnError, (std::string text)) {
  static_cast<void>(from_json_line(text).has_value());
}

TEST(DecisionLog, UnknownFieldsAreIgnoredAndNullIsAbsent) {
  const auto read = from_json_line(
      R"({"decision_id":"01940000-0000-7000-8000-0000000000ff","time":"2026-01-31T12:00:00Z",)"
      R"("candidates":["a"],"propensities":[1],"model":"a","colour":"red","query":null,)"
      R"("outcome":null})");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_FALSE(read->decision.query);
  EXPECT_FALSE(read->outcome);
  EXPECT_EQ(read->decision.weights, ObjectiveWeights());
}

TEST(DecisionLog, AHedgeNamesTheDecisionThatItHedges) {
  DecisionRecord record = example();
  record.decision.hedge_of = DecisionId::parse("01940000-0000-7000-8000-0000000000aa").value();
  const std::string line = to_json_line(record);
  EXPECT_NE(line.find(R"("hedge_of":"01940000-0000-7000-8000-0000000000aa")"), std::string::npos);
  EXPECT_TRUE(same(*from_json_line(line), record));
}

TEST(DecisionLog, BytesThatAreNotUtf8BecomeReplacementCharacters) {
  DecisionRecord record = example();
  record.decision.query = "cut \xe6\xbc";
  const auto read = from_json_line(to_json_line(record));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->decision.query, "cut \xef\xbf\xbd\xef\xbf\xbd");
}

TEST(DecisionLog, TheFeatureWhoseShortestDecimalRoundsTwiceReadsBackToo) {
  DecisionRecord record = example();
  record.decision.features.values = {7.038531e-26F, -7.038531e-26F, 0.1F};
  const std::string line = to_json_line(record);
  EXPECT_NE(line.find(",0.1]"), std::string::npos) << line;
  const auto read = from_json_line(line);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->decision.features, record.decision.features);
}

struct BadLine {
  const char* name;
  const char* from;
  const char* to;
  const char* message;
};

class BadLineTest : public testing::TestWithParam<BadLine> {};

TEST_P(BadLineTest, IsRefusedWithTheNameOfTheField) {
  std::string line(kExampleLine);
  const std::size_t at = line.find(GetParam().from);
  ASSERT_NE(at, std::string::npos);
  line.replace(at, std::string_view(GetParam().from).size(), GetParam().to);
  const auto read = from_json_line(line);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(read.error().message.find(GetParam().message), std::string::npos)
      << read.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    DecisionLog, BadLineTest,
    testing::Values(
        BadLine{"BrokenJson", "\"time\":", "\"time\"", "byte"},
        BadLine{"NoId", "\"decision_id\":", "\"id\":", "'decision_id' is missing"},
        BadLine{"BadId", "01940000-", "x1940000-", "'decision_id'"},
        BadLine{"BadTime", "2026-01-31T12:00:00.5", "2026-13-31T12:00:00.5", "'time'"},
        BadLine{"NoCandidates", "[\"small\",\"large\"]", "[]", "'candidates'"},
        BadLine{"CandidateNoText", "\"small\"", "3", "'candidates[0]'"},
        BadLine{"TooFewPropensities", "[0.9,0.1]", "[0.9]", "'propensities'"},
        BadLine{"PropensityTooLarge", "[0.9,0.1]", "[0.9,1.5]", "'propensities[1]'"},
        BadLine{"PropensitiesSumToMore", "[0.9,0.1]", "[0.9,0.2]", "sums to 1.1"},
        BadLine{"ChosenWithPropensity0", "[0.9,0.1]", "[1,0]", "0 for the model that was chosen"},
        BadLine{"NegativeCost", "\"cost_usd\":0.000125", "\"cost_usd\":-1", "'outcome.cost_usd'"},
        BadLine{"NegativeLatency", "\"latency_s\":", "\"latency_s\":-", "'outcome.latency_s'"},
        BadLine{"ModelNotACandidate", "\"model\":\"large\"", "\"model\":\"huge\"", "'model'"},
        BadLine{"FeatureNoNumber", "[0.1,-3]", "[0.1,\"x\"]", "'features.values[1]'"},
        BadLine{"FeatureBeyondFloat", "[0.1,-3]", "[0.1,-1e39]", "'features.values[1]'"},
        BadLine{"FilteredNoObject", "{\"model\":\"tiny\",\"reason\":\"context too small\"}", "1",
                "'filtered[0]'"},
        BadLine{"BadStatus", "\"status\":\"ok\"", "\"status\":\"fine\"", "'outcome.status'"},
        BadLine{"NegativeTokens", "\"input_tokens\":10", "\"input_tokens\":-10",
                "'outcome.input_tokens'"},
        BadLine{"InfiniteCost", "\"cost_usd\":0.000125", "\"cost_usd\":1e999",
                "'outcome.cost_usd'"},
        BadLine{"FeedbackWithoutValue", "\"value\":0.8", "\"v\":0.8", "'feedback[0].value'"}),
    [](const auto& line) { return line.param.name; });

}  // namespace
}  // namespace yardmaster::replay
