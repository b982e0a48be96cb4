#include "agent/logs/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/value.hpp>
#include <fstream>
#include <sstream>

#include "replay/decision_log.h"
#include "tests/common/temp_dir.h"

namespace yardmaster::agent {
namespace {

using testing::HasSubstr;

const Timestamp kNow{std::chrono::seconds(1000)};

class LoadTest : public testing::Test {
 protected:
  LoadTest() {
    env::ModelSpec a;
    a.name = "a";
    env::ModelSpec b;
    b.name = "b";
    pool_ = std::make_unique<env::ModelPool>(*env::ModelPool::make({a, b}));
    objective_ = std::make_unique<env::QualityObjective>(objective());
    encoder_ = *env::make_encoder("hash");
    maker_ = std::make_unique<RowMaker>(*encoder_, *pool_, *objective_, ObjectiveWeights{});
  }

  static env::QualityObjective objective() {
    env::MetricSpec quality;
    quality.name = "quality";
    return *env::QualityObjective::make({quality}, {});
  }

  std::string file(const std::string& name, std::string_view text) const {
    const std::string path = (directory_.path() / name).string();
    std::ofstream(path) << text;
    return path;
  }

  std::unique_ptr<replay::Store> open_store(const std::string& name) const {
    replay::StoreOptions options;
    options.directory = directory_.path() / name;
    options.write_buffer_bytes = 64 << 10;
    auto store = replay::Store::open(std::move(options), objective());
    EXPECT_TRUE(store) << (store ? "" : store.error().message);
    return std::move(*store);
  }

  Result<LogReport> load(const std::string& path, std::optional<LogFormat> format,
                         replay::Store& store) const {
    return read_rows(
        path, format, *maker_, store, kNow,
        [&](std::vector<TrainingRow> rows) { return append_and_wait(store, std::move(rows)); },
        nullptr);
  }

  test::TempDir directory_;
  std::unique_ptr<env::ModelPool> pool_;
  std::unique_ptr<env::QualityObjective> objective_;
  std::unique_ptr<env::Encoder> encoder_;
  std::unique_ptr<RowMaker> maker_;
};

DecisionRecord decision(int number) {
  DecisionRecord record;
  Rng rng(static_cast<std::uint64_t>(number));
  record.decision.id = DecisionId::make(kNow, rng);
  record.decision.time = kNow;
  record.decision.router = "auto";
  record.decision.query = "query " + std::to_string(number);
  record.decision.candidates = {"a", "b"};
  record.decision.propensities = {0.5, 0.5};
  record.outcome = Outcome{};
  record.outcome->time = kNow;
  record.outcome->cost_usd = 0.001;
  record.feedback.push_back({"quality", 0.5, kNow, "", "", "", ""});
  return record;
}

std::string decision_lines(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) lines += replay::to_json_line(decision(i)) + "\n";
  return lines;
}

TEST_F(LoadTest, PutsTheRowsOfALogIntoTheStoreInItsOrder) {
  const std::string path = file("outcomes.jsonl",
                                R"({"query":"one","outcomes":{"a":{"quality":1},"b":{"quality":0}}}

broken
{"query":"two","outcomes":{"a":{"quality":0.25},"c":{"quality":1}}}
{"query":"three","outcomes":{"c":{"quality":1}}}
)");
  const auto store = open_store("store");
  const auto report = load(path, std::nullopt, *store);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->lines_read(), 4u);
  EXPECT_EQ(report->lines_used(), 2u);
  EXPECT_EQ(report->lines_refused(), 2u);
  EXPECT_EQ(report->outcomes_left_out(), 1u);
  const auto rows = store->rows_after(0, 10);
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].sequence, 1u);
  EXPECT_EQ((*rows)[0].outcomes.size(), 2u);
  EXPECT_EQ((*rows)[1].outcomes[0].quality, 0.25);

  std::ostringstream text;
  report->print(text);
  EXPECT_THAT(text.str(), HasSubstr("read 4 lines, used 2, refused 2"));
  EXPECT_THAT(text.str(), HasSubstr("line 3: malformed JSON"));
  EXPECT_THAT(text.str(), HasSubstr("line 5: model 'c' is not in the pool"));
  EXPECT_EQ(report->json().at("reasons").at("model 'c' is not in the pool"), 2);
}

TEST_F(LoadTest, TellsEachFormatFromTheFirstLine) {
  const auto store = open_store("store");
  EXPECT_EQ(load(file("d", decision_lines(3)), std::nullopt, *store)->lines_used(), 3u);
  EXPECT_EQ(
      load(file("l", R"({"model":"b","request_type":"writing","quality":1})"), std::nullopt, *store)
          ->lines_used(),
      1u);
  const auto rows = store->rows_after(0, 10);
  ASSERT_EQ(rows->size(), 4u);
  EXPECT_EQ((*rows)[0].outcomes[0].propensity, 0.5);
  EXPECT_EQ((*rows)[3].outcomes[0].model, "b");
  EXPECT_FALSE(load(file("x", R"({"hello":1})"), std::nullopt, *store));
  EXPECT_FALSE(load("/nowhere.jsonl", std::nullopt, *store));
}

TEST_F(LoadTest, DecisionsThatTheStoreHasAreNotLearnedTwice) {
  const auto store = open_store("store");
  ASSERT_TRUE(import_decisions(file("own.jsonl", decision_lines(2)), *store, nullptr, nullptr));
  const auto report = load(file("more.jsonl", decision_lines(3)), LogFormat::decisions, *store);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->lines_used(), 1u);
  EXPECT_EQ(report->lines_refused(), 2u);
  EXPECT_EQ(store->stats().rows, 3u);
  std::ostringstream text;
  report->print(text);
  EXPECT_THAT(text.str(), HasSubstr("is in this data directory already"));
}

TEST_F(LoadTest, ReadsALogOfManyBatches) {
  std::string lines;
  for (int i = 0; i < 1300; ++i)
    lines += R"({"model":"a","quality":0.5})"
             "\n";
  const auto store = open_store("store");
  EXPECT_EQ(load(file("l", lines), LogFormat::litellm, *store)->lines_used(), 1300u);
  EXPECT_EQ(store->stats().rows, 1300u);
}

TEST_F(LoadTest, ImportsWhatWasExportedAndSkipsItTheSecondTime) {
  const std::string path = file("decisions.jsonl", decision_lines(5) + "{\"broken\":\n");
  const auto store = open_store("store");
  const auto report = import_decisions(path, *store, nullptr, nullptr);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->lines_used(), 5u);
  EXPECT_EQ(report->lines_refused(), 1u);
  EXPECT_EQ(store->stats().decisions, 5u);
  ASSERT_TRUE(import_decisions(path, *store, nullptr, nullptr));
  EXPECT_EQ(store->stats().decisions, 5u);
  EXPECT_EQ(store->stats().rows, 5u);

  const auto found = store->find(decision(3).decision.id);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->decision, decision(3).decision);
  EXPECT_EQ(found->feedback, decision(3).feedback);
}

}  // namespace
}  // namespace yardmaster::agent
