#include "env/wordpiece.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <boost/json.hpp>
#include <fstream>

#include "env/static_table.h"
#include "tests/unit/env/assets.h"

namespace yardmaster::env {
namespace {

using Ids = std::vector<WordPiece::TokenId>;

const StaticTable& table() {
  static const auto read = StaticTable::read(kAssetDir + "/static_v1.bin");
  return read.value();
}

Ids tokenize(const WordPiece& pieces, std::string_view text) {
  Ids ids;
  pieces.tokenize(text, ids);
  return ids;
}

Ids tokenize(std::string_view text) { return tokenize(table().tokenizer(), text); }

TEST(WordPiece, TakesTheLongestKnownPieceAgainAndAgain) {
  const auto pieces = WordPiece::make("[UNK]\nun\n##aff\n##affable\n##able\naffable\n");
  ASSERT_TRUE(pieces);
  EXPECT_EQ(tokenize(*pieces, "unaffable"), (Ids{1, 3}));
  EXPECT_EQ(tokenize(*pieces, "Unaff UN"), (Ids{1, 2, 1}));
}

TEST(WordPiece, CallsAWordUnknownWhenAnyPartIs) {
  const auto pieces = WordPiece::make("[UNK]\nun\n##aff\n");
  ASSERT_TRUE(pieces);
  EXPECT_EQ(tokenize(*pieces, "unaffx un"), (Ids{0, 1}));
}

TEST(WordPiece, DoesNotTakeAContinuationForAWord) {
  const auto pieces = WordPiece::make("[UNK]\nun\n##aff\n");
  ASSERT_TRUE(pieces);
  EXPECT_EQ(tokenize(*pieces, "aff"), (Ids{0}));
}

// The ids of wordpiece_cases.jsonl are those of Hugging Face's tokenizers 0.23.3; see
// scripts/check-tokenizer, which compares real queries too.
TEST(WordPiece, GivesTheReferenceTokenizersIds) {
  std::ifstream file(std::string(YARDMASTER_SOURCE_DIR) + "/tests/unit/env/wordpiece_cases.jsonl");
  int cases = 0;
  for (std::string line; std::getline(file, line); ++cases) {
    const boost::json::value expected = boost::json::parse(line);
    const std::string_view text = expected.at("text").as_string();
    EXPECT_EQ(tokenize(text), boost::json::value_to<Ids>(expected.at("ids"))) << text;
  }
  EXPECT_EQ(cases, 70);
}

TEST(WordPiece, GivesKnownIdsForAnyBytes) {
  EXPECT_TRUE(rc::check([](const std::string& bytes) {
    for (const WordPiece::TokenId id : tokenize(bytes)) {
      RC_ASSERT(id < table().tokenizer().vocabulary_size());
    }
  }));
}

TEST(WordPiece, TreatsTextsApartWhenSpaceStandsBetween) {
  EXPECT_TRUE(rc::check([](const std::string& left, const std::string& right) {
    Ids both = tokenize(left);
    const Ids second = tokenize(right);
    both.insert(both.end(), second.begin(), second.end());
    RC_ASSERT(tokenize(left + ' ' + right) == both);
  }));
}

TEST(WordPiece, RefusesAVocabularyItCannotUse) {
  for (const std::string& vocabulary :
       {std::string(), std::string("a\nb\n"), "[UNK]\n" + std::string(65, 'a') + "\n"}) {
    const auto pieces = WordPiece::make(vocabulary);
    ASSERT_FALSE(pieces) << vocabulary;
    EXPECT_EQ(pieces.error().code, ErrorCode::corrupt);
  }
}

}  // namespace
}  // namespace yardmaster::env
