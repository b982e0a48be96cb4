#include "agent/logs/litellm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace yardmaster::agent {
namespace {

using testing::HasSubstr;

std::string reason(std::string_view line) {
  const auto call = parse_litellm_line(line);
  return call ? "" : call.error().message;
}

TEST(LiteLlm, ReadsTheAdaptiveRoutersLines) {
  const auto call =
      parse_litellm_line(R"({"request_type":"code_generation","model":"gpt-4o","quality":0.8})");
  ASSERT_TRUE(call);
  EXPECT_EQ(call->model, "gpt-4o");
  EXPECT_EQ(call->quality, 0.8);
  ASSERT_TRUE(call->query);
  EXPECT_EQ(call->query->text, "code generation");
  EXPECT_EQ(call->cost_usd, std::nullopt);
}

TEST(LiteLlm, ReadsAStandardLoggingPayload) {
  const auto call = parse_litellm_line(
      R"({"id":"chatcmpl-1","call_type":"acompletion","status":"success","model":"openai/gpt-4o",
          "model_group":"large","response_cost":0.0031,"prompt_tokens":20,"completion_tokens":100,
          "startTime":1700000000.5,"endTime":1700000002.0,"response_time":0.4,
          "messages":[{"role":"system","content":"Be brief."},
                      {"role":"user","content":"Prove it."}]})");
  ASSERT_TRUE(call);
  EXPECT_EQ(call->model_group, "large");
  EXPECT_EQ(call->cost_usd, 0.0031);
  EXPECT_EQ(call->input_tokens, 20u);
  EXPECT_EQ(call->output_tokens, 100u);
  EXPECT_DOUBLE_EQ(*call->latency_s, 1.5);
  EXPECT_EQ(call->time->time_since_epoch(), std::chrono::milliseconds(1'700'000'000'500));
  EXPECT_EQ(call->quality, std::nullopt);
  EXPECT_THAT(call->query->text, HasSubstr("Prove it."));
}

TEST(LiteLlm, ReadsASpendLogWithItsTimesAndMessagesAsText) {
  const auto call = parse_litellm_line(
      R"({"request_id":"1","model":"m","spend":0.01,"startTime":"2026-01-31 12:00:00",
          "endTime":"2026-01-31T12:00:02.250Z",
          "messages":"[{\"role\":\"user\",\"content\":\"Prove it.\"}]"})");
  ASSERT_TRUE(call);
  EXPECT_EQ(call->cost_usd, 0.01);
  EXPECT_DOUBLE_EQ(*call->latency_s, 2.25);
  EXPECT_EQ(call->query->text, "Prove it.");
}

TEST(LiteLlm, AFailedCallHasQualityZero) {
  const auto call = parse_litellm_line(R"({"model":"m","status":"failure","response_cost":0})");
  ASSERT_TRUE(call);
  EXPECT_EQ(call->quality, 0);
}

TEST(LiteLlm, TakesNullAsAbsentAndALineWithoutTextAsOne) {
  const auto call =
      parse_litellm_line(R"({"model":"m","quality":1,"messages":null,"response_cost":null})");
  ASSERT_TRUE(call);
  EXPECT_FALSE(call->query);
  EXPECT_FALSE(call->cost_usd);
}

TEST(LiteLlm, SaysWhatIsWrongWithALine) {
  EXPECT_THAT(reason("{"), HasSubstr("malformed JSON"));
  EXPECT_THAT(reason("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(reason(R"({"quality":1})"), HasSubstr("model is missing"));
  EXPECT_THAT(reason(R"({"model":3,"quality":1})"), HasSubstr("model is not text"));
  EXPECT_THAT(reason(R"({"model":"m","quality":1.5})"), HasSubstr("quality is out of range"));
  EXPECT_THAT(reason(R"({"model":"m","score":"good"})"), HasSubstr("score is not a number"));
  EXPECT_THAT(reason(R"({"model":"m","response_cost":-1})"), HasSubstr("response_cost"));
  EXPECT_THAT(reason(R"({"model":"m"})"), HasSubstr("nothing"));
}

RC_GTEST_PROP(LiteLlm, NeverCrashesOnAnyBytes, (const std::string& line)) {
  (void)parse_litellm_line(line);
}

}  // namespace
}  // namespace yardmaster::agent
