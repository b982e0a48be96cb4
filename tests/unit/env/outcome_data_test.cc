#include "env/outcome_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace yardmaster::env {
namespace {

using testing::HasSubstr;

class OutcomeDataTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::path(testing::TempDir()) /
                 testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string write(const std::string& name, const std::string& text) const {
    const auto path = directory_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }

  std::filesystem::path directory_;
};

std::string reason(std::string_view line) {
  const auto parsed = parse_outcome_line(line);
  return parsed ? "accepted" : parsed.error().message;
}

TEST(OutcomeLine, KeepsWhatItSaysAndTakesNullAsAbsent) {
  const auto parsed =
      parse_outcome_line(R"({"query_id":"q1","query":"2+2?","domain":17,"other":[1],"outcomes":{)"
                         R"("a":{"quality":1,"cost_usd":0.25,"latency_s":null,"input_tokens":5},)"
                         R"("b":{"quality":null,"output_tokens":7,"latency_s":1.5},"c":null}})");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->query_id, "q1");
  EXPECT_EQ(parsed->query, "2+2?");
  ASSERT_EQ(parsed->outcomes.size(), 2u);
  const LoggedOutcome& a = parsed->outcomes[0];
  EXPECT_EQ(a.model, "a");
  EXPECT_EQ(a.quality, 1.0);
  EXPECT_EQ(a.cost_usd, 0.25);
  EXPECT_EQ(a.latency_s, std::nullopt);
  EXPECT_EQ(a.input_tokens, 5u);
  EXPECT_EQ(parsed->outcomes[1].quality, std::nullopt);
  EXPECT_EQ(parsed->outcomes[1].output_tokens, 7u);
}

TEST(OutcomeLine, IsRefusedWithTheFieldThatIsWrong) {
  EXPECT_THAT(reason("{"), HasSubstr("malformed JSON"));
  EXPECT_THAT(reason("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(reason(R"({"outcomes":{"a":{}}})"), HasSubstr("query is missing"));
  EXPECT_THAT(reason(R"({"query":3,"outcomes":{"a":{}}})"), HasSubstr("query is not a string"));
  EXPECT_THAT(reason(R"({"query":"x"})"), HasSubstr("outcomes is missing"));
  EXPECT_THAT(reason(R"({"query":"x","outcomes":{}})"), HasSubstr("names no model"));
  EXPECT_THAT(reason(R"({"query":"x","outcomes":{"a":1}})"), HasSubstr("outcomes.a"));
  EXPECT_THAT(reason(R"({"query":"x","outcomes":{"a":{"quality":1.5}}})"),
              HasSubstr("outcomes.a.quality"));
  EXPECT_THAT(reason(R"({"query":"x","outcomes":{"a":{"cost_usd":-1}}})"),
              HasSubstr("outcomes.a.cost_usd"));
  EXPECT_THAT(reason(R"({"query":"x","outcomes":{"a":{"quality":"1"}}})"),
              HasSubstr("not a number"));
  EXPECT_THAT(reason("{\"query\":\"\xff\",\"outcomes\":{\"a\":{}}}"), HasSubstr("malformed"));
}

TEST_F(OutcomeDataTest, BrokenLinesArePassedOverWithNumbersAndReasons) {
  const auto path = write("outcomes.jsonl",
                          "{\"query\":\"one\",\"outcomes\":{\"a\":{\"quality\":1}}}\n"
                          "broken\n"
                          "\n"
                          "{\"query\":\"two\",\"outcomes\":{\"a\":{\"quality\":0}}}\r\n"
                          "{\"query\":\"three\",\"outcomes\":{\"a\":{\"quality\":2}}}");
  auto reader = OutcomeReader::open(path);
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->next()->query, "one");
  EXPECT_EQ(reader->next()->query, "two");
  EXPECT_EQ(reader->line(), 4u);
  EXPECT_FALSE(reader->next());
  ASSERT_EQ(reader->refused().size(), 2u);
  EXPECT_EQ(reader->refused()[0].line, 2u);
  EXPECT_EQ(reader->refused()[1].line, 5u);
  EXPECT_THAT(reader->refused()[1].reason, HasSubstr("quality"));
}

TEST_F(OutcomeDataTest, AMissingFileIsAnErrorThatNamesIt) {
  const auto reader = OutcomeReader::open((directory_ / "absent.jsonl").string());
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, ErrorCode::io);
  EXPECT_THAT(reader.error().message, HasSubstr("absent.jsonl"));
}

TEST_F(OutcomeDataTest, PricesComeFromTheFileBesideTheDataIfThereIsOne) {
  const auto path = (directory_ / "outcomes.jsonl").string();
  EXPECT_TRUE(read_models(path)->empty());
  write("models.json", R"({"a":{"input_usd_per_1m":2,"output_usd_per_1m":6},"b":{}})");
  const auto models = read_models(path);
  ASSERT_TRUE(models);
  ASSERT_EQ(models->size(), 2u);
  // 750 tokens in at 2 and 250 out at 6 USD a million.
  EXPECT_NEAR((*models)[0].price_reference(), 0.003, 1e-12);
  EXPECT_EQ((*models)[1].price_reference(), 0);
  write("models.json", "[]");
  EXPECT_FALSE(read_models(path));
}

TEST_F(OutcomeDataTest, WhatIsKnownOfTheModelsAheadComesFromTheSameFile) {
  const auto path = (directory_ / "outcomes.jsonl").string();
  write("models.json",
        R"({"a":{"size_b":7,"context_tokens":8192,"scores":{"mmlu":60.5,"elo":1100}}})");
  const auto models = read_models(path);
  ASSERT_TRUE(models);
  EXPECT_EQ((*models)[0].size_b, 7);
  EXPECT_EQ((*models)[0].context_tokens, 8192u);
  EXPECT_EQ((*models)[0].scores,
            (std::vector<std::pair<std::string, double>>{{"mmlu", 60.5}, {"elo", 1100}}));
  write("models.json", R"({"a":{"scores":{"mmlu":"high"}}})");
  const auto malformed = read_models(path);
  ASSERT_FALSE(malformed);
  EXPECT_THAT(malformed.error().message, HasSubstr("a.scores.mmlu"));
}

TEST(OutcomeData, ReadsAWholeSetOfTheSharedData) {
  const char* root = std::getenv("YARDMASTER_SHARED_DATA");
  const std::string data = root != nullptr ? root : YARDMASTER_SOURCE_DIR "/../shared/data";
  const std::string path = data + "/mmlu_pro/outcomes.jsonl";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  auto reader = OutcomeReader::open(path);
  ASSERT_TRUE(reader);
  std::size_t rows = 0;
  while (auto example = reader->next()) {
    ASSERT_EQ(example->outcomes.size(), 12u);
    ++rows;
  }
  EXPECT_EQ(rows, 11919u);
  EXPECT_TRUE(reader->refused().empty());
}

}  // namespace
}  // namespace yardmaster::env
