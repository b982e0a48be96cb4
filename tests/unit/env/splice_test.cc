#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <boost/json/parse.hpp>
#include <string>

#include "env/route_usage.h"
#include "env/upstream.h"

namespace yardmaster::env {
namespace {

TEST(SpliceModel, ReplacesOnlyTheModelsValue) {
  EXPECT_EQ(splice_model(R"({ "model" : "auto" , "n":1.50e2,"messages":[{"content":"\u00e9 é"}] })",
                         "gpt-4o"),
            R"({ "model" : "gpt-4o" , "n":1.50e2,"messages":[{"content":"\u00e9 é"}] })");
}

TEST(SpliceModel, AddsAnAbsentModel) {
  EXPECT_EQ(splice_model(R"({"n":1})", "m"), R"({"model":"m","n":1})");
  EXPECT_EQ(splice_model(" { } ", "m"), R"( {"model":"m" } )");
}

TEST(SpliceModel, ReplacesEachOfDoubledKeys) {
  EXPECT_EQ(splice_model(R"({"model":"auto","x":2,"model":"auto"})", "m"),
            R"({"model":"m","x":2,"model":"m"})");
}

TEST(SpliceModel, SeesThroughEscapesInKeys) {
  EXPECT_EQ(splice_model(R"({"mod\u0065l":"auto","\u006D\u006fdel":1})", "m"),
            R"({"mod\u0065l":"m","\u006D\u006fdel":"m"})");
}

TEST(SpliceModel, LeavesOtherKeysAndNestedModelsAlone) {
  EXPECT_EQ(
      splice_model(R"({"models":1,"mode":2,"a\"model":3,"in":{"model":"x"},"model":null})", "m"),
      R"({"models":1,"mode":2,"a\"model":3,"in":{"model":"x"},"model":"m"})");
}

TEST(SpliceModel, ReplacesValuesOfEveryType) {
  for (const std::string value : {"\"a\\\"}b\"", "12", "null", "true", "[1,[2]]", "{\"a\":{}}"}) {
    EXPECT_EQ(splice_model("{\"model\":" + value + "}", "m"), R"({"model":"m"})") << value;
    EXPECT_EQ(splice_model("{\"model\": " + value + " ,\"x\":0}", "m"), R"({"model": "m" ,"x":0})");
  }
}

TEST(SpliceModel, EscapesTheName) {
  EXPECT_EQ(splice_model(R"({"model":"auto"})", "a\"b\\c\n"), R"({"model":"a\"b\\c\u000a"})");
}

TEST(SpliceModel, GoesBeyondDepth32AndKeepsBigNumbers) {
  const std::string deep = "\"d\":" + std::string(5000, '[') + std::string(5000, ']') +
                           ",\"n\":123456789012345678901234";
  EXPECT_EQ(splice_model("{" + deep + ",\"model\":\"auto\"}", "m"),
            "{" + deep + ",\"model\":\"m\"}");
}

TEST(SpliceModel, EndsOnTextThatIsNoObject) {
  for (const std::string text :
       {"", "[]", "{", "{\"model", "{\"model\":", "{\"a\":\"\\", "{]}", "{,"}) {
    splice_model(text, "m");
  }
  EXPECT_EQ(splice_model("[1]", "m"), "[1]");
}

TEST(SpliceStreamUsage, AddsTheOptionsOrTheFieldAndKeepsTheRest) {
  EXPECT_EQ(splice_stream_usage(R"({"stream": true})"),
            R"({"stream_options":{"include_usage":true},"stream": true})");
  EXPECT_EQ(splice_stream_usage(R"({"stream_options": { "x":1e2 },"n":1})"),
            R"({"stream_options": {"include_usage":true, "x":1e2 },"n":1})");
  EXPECT_EQ(splice_stream_usage(R"({"stream_options":{"include_usage" : false , "x":1}})"),
            R"({"stream_options":{"include_usage" : true , "x":1}})");
  EXPECT_EQ(splice_stream_usage(R"({"stream_options":null})"),
            R"({"stream_options":{"include_usage":true}})");
  EXPECT_EQ(splice_stream_usage(R"({"stream\u005foptions":{"include\u005fusage":false}})"),
            R"({"stream\u005foptions":{"include\u005fusage":true}})");
}

/// Random JSON text, with random spaces, escapes and depth.
std::string random_space() { return *rc::gen::element<std::string>("", "", " ", "\n", "\t \r\n"); }

std::string random_string() {
  std::string out = "\"";
  const auto parts = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "a", "model", "\\\"", "\\\\", "\\u0065", "{", "}", "]", ",", ":", "é", "\\n", " "));
  for (const auto& part : parts) out += part;
  return out + "\"";
}

/// Any key but "model".
std::string random_key() { return std::string("\"k").append(random_string(), 1); }

std::string random_value(int depth) {
  const int kind = *rc::gen::inRange(0, depth > 0 ? 6 : 4);
  if (kind == 0) return random_string();
  if (kind == 1) return *rc::gen::element<std::string>("0", "-1.5e+30", "98765432109876543210");
  if (kind == 2) return *rc::gen::element<std::string>("true", "false", "null");
  if (kind == 3) return *rc::gen::element<std::string>("[]", "{}", "\"model\"");
  const int count = *rc::gen::inRange(0, 4);
  std::string out = kind == 4 ? "[" : "{";
  for (int i = 0; i < count; ++i) {
    if (i > 0) out += random_space() + ",";
    if (kind == 5) out += random_space() + "\"model\"" + random_space() + ":";
    out += random_space() + random_value(depth - 1);
  }
  return out + random_space() + (kind == 4 ? "]" : "}");
}

RC_GTEST_PROP(SpliceModelProperty, EveryOtherByteStaysAsItWas, ()) {
  const int count = *rc::gen::inRange(1, 6);
  std::string body = random_space().append("{");
  std::string expected = body;
  bool named = false;
  for (int i = 0; i < count; ++i) {
    const bool is_model = i + 1 == count && !named ? true : *rc::gen::arbitrary<bool>();
    const std::string key =
        is_model ? *rc::gen::element<std::string>("\"model\"", "\"mod\\u0065l\"") : random_key();
    const std::string before =
        random_space().append(key).append(random_space()).append(":").append(random_space());
    const std::string value = random_value(3);
    const std::string after = random_space();
    if (i > 0) {
      body += ',';
      expected += ',';
    }
    body += before + value + after;
    expected += before + (is_model ? "\"new\"" : value) + after;
    named = named || is_model;
  }
  const std::string end = std::string("}").append(random_space());
  RC_ASSERT(splice_model(body + end, "new") == expected + end);
}

TEST(ReadUsage, ReadsIdAndTokens) {
  const auto usage = read_usage(
      ApiRoute::chat_completions,
      R"({"id":"chatcmpl-1","usage":{"prompt_tokens":12,"completion_tokens":34},"error":null})");
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->response_id, "chatcmpl-1");
  EXPECT_EQ(usage->input_tokens, 12u);
  EXPECT_EQ(usage->output_tokens, 34u);
}

TEST(ReadUsage, LeavesEmptyWhatIsAbsentOrOdd) {
  for (const std::string body :
       {R"({"usage":null})", R"({"id":5,"usage":[]})",
        R"({"id":null,"usage":{"prompt_tokens":-1,"completion_tokens":"3"}})",
        R"({"usage":{"prompt_tokens":1.5,"completion_tokens":1e300}})"}) {
    const auto usage = read_usage(ApiRoute::chat_completions, body);
    ASSERT_TRUE(usage) << body;
    EXPECT_EQ(usage->response_id, "") << body;
    EXPECT_FALSE(usage->input_tokens) << body;
    EXPECT_FALSE(usage->output_tokens) << body;
  }
}

TEST(ReadUsage, RefusesWhatIsNoAnswer) {
  for (const std::string body : {"", "nonsense", "[]", "{\"id\":", R"({"error":"full"})",
                                 R"({"error":{"message":"full"}})"}) {
    const auto usage = read_usage(ApiRoute::chat_completions, body);
    ASSERT_FALSE(usage) << body;
    EXPECT_EQ(usage.error().code, ErrorCode::io);
  }
  EXPECT_THAT(
      read_usage(ApiRoute::chat_completions, R"({"error":{"message":"full"}})").error().message,
      testing::HasSubstr("full"));
}

TEST(ReadUsage, ReadsDeepAnswers) {
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  const auto usage =
      read_usage(ApiRoute::chat_completions, "{\"x\":" + deep + R"(,"usage":{"prompt_tokens":7}})");
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->input_tokens, 7u);
}

}  // namespace
}  // namespace yardmaster::env
