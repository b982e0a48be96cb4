#include "env/static_distiller.h"

#include <gtest/gtest.h>

#include <cmath>

#include "env/static_table.h"

namespace yardmaster::env {
namespace {

const std::string kFixture = std::string(YARDMASTER_SOURCE_DIR) + "/tests/unit/env/minilm_fixture";

class Distilling : public testing::Test {
 protected:
  std::string distill(const std::vector<std::string>& queries) const {
    return distill_static_table(folder_, network_, queries, [](double) {}).value();
  }

  static std::vector<float> mean(const StaticTable& table, std::string_view text) {
    std::vector<WordPiece::TokenId> ids;
    table.tokenizer().tokenize(text, ids);
    std::vector<float> out(StaticTable::kDimension);
    table.mean(ids, std::span<float, StaticTable::kDimension>(out));
    return out;
  }

  static double squared_norm(const std::vector<float>& values) {
    double sum = 0;
    for (const float value : values) sum += double{value} * double{value};
    return sum;
  }

  MiniLmFolder folder_ = MiniLmFolder::read(kFixture).value();
  MiniLmNetwork network_ = MiniLmNetwork::make(folder_.config, folder_.weights).value();
  const std::vector<std::string> queries_{"explain the market of energy", "list the rivers",
                                          "write code for the sum of 2 and 3", "who is the king?"};
};

TEST_F(Distilling, GivesATableThatTheEncoderReads) {
  const auto table = StaticTable::parse(distill({}), "test");
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(table->tokenizer().vocabulary_size(), 300u);
  EXPECT_GT(squared_norm(mean(*table, "explain the market")), 0);
}

TEST_F(Distilling, GivesTheSameBytesAgain) {
  EXPECT_EQ(distill({}), distill({}));
  EXPECT_EQ(distill(queries_), distill(queries_));
}

TEST_F(Distilling, BringsTheGivenQueriesToASquaredNormOfAHalf) {
  const auto table = StaticTable::parse(distill(queries_), "test");
  ASSERT_TRUE(table);
  double sum = 0;
  for (const std::string& query : queries_) sum += squared_norm(mean(*table, query));
  EXPECT_NEAR(sum / static_cast<double>(queries_.size()), 0.5, 0.01);
}

TEST_F(Distilling, WeighsDownWhatTheQueriesRepeat) {
  // "city" against the rest of the sentence: the more often queries hold it, the less it moves
  // them.
  const auto share = [&](const std::vector<std::string>& queries) {
    const auto table = StaticTable::parse(distill(queries), "test");
    const auto with = mean(*table, "explain the light city"),
               without = mean(*table, "explain the light");
    std::vector<float> difference(with.size());
    for (std::size_t i = 0; i < with.size(); ++i) difference[i] = with[i] - without[i];
    return squared_norm(difference) / squared_norm(without);
  };
  std::vector<std::string> repeated = queries_;
  for (int i = 0; i < 5'000; ++i) repeated.push_back("city city city city");
  EXPECT_LT(share(repeated), share(queries_));
}

}  // namespace
}  // namespace yardmaster::env
