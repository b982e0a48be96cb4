#include "env/encoder.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <boost/crc.hpp>
#include <boost/json.hpp>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>

#include "env/static_table.h"
#include "env/surface_features.h"
#include "tests/unit/env/assets.h"

namespace yardmaster::env {
namespace {

std::vector<float> encode(const Encoder& encoder, const Query& query) {
  std::vector<float> values(encoder.dimension());
  encoder.encode(query, values);
  return values;
}

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * double{b[i]};
  return sum;
}

class EveryEncoder : public testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Encoder> encoder_ =
      make_encoder(GetParam(), {.asset_directory = kAssetDir}).value();

  /// The part that says what the query is about.
  std::vector<float> subject(std::string_view text) const {
    std::vector<float> values = encode(*encoder_, query_from_text(text));
    values.resize(values.size() - kSurfaceDimension);
    return values;
  }
};

INSTANTIATE_TEST_SUITE_P(Encoders, EveryEncoder, testing::Values("static", "hash"),
                         [](const auto& encoder) { return std::string(encoder.param); });

TEST_P(EveryEncoder, CarriesTheNameItWasAskedForBy) { EXPECT_EQ(encoder_->name(), GetParam()); }

TEST_P(EveryEncoder, GivesTheSameForTheSame) {
  const auto again = make_encoder(GetParam(), {.asset_directory = kAssetDir}).value();
  const Query query = query_from_text("What is the capital of France?");
  EXPECT_EQ(encode(*encoder_, query), encode(*again, query));
  EXPECT_EQ(encoder_->version(), again->version());
}

TEST_P(EveryEncoder, GivesFiniteValuesOfModestNormForAnyBytes) {
  EXPECT_TRUE(rc::check([this](const std::string& bytes) {
    const std::vector<float> values = encode(*encoder_, query_from_text(bytes));
    const double squared_norm = dot(values, values);
    RC_ASSERT(std::isfinite(squared_norm));
    RC_ASSERT(squared_norm < 100);
  }));
}

TEST_P(EveryEncoder, PutsTextsOfSharedWordsNearerThanOthers) {
  const auto integral = subject("Compute the definite integral of x squared from zero to one");
  const auto another = subject("Compute the integral of cosine x from zero to pi");
  const auto law = subject("Who owes a duty of care when a tenant sues the landlord in tort?");
  EXPECT_GT(dot(integral, another), dot(integral, law));
}

TEST_P(EveryEncoder, StaysNearZeroForNoWords) {
  for (const float value : subject("")) EXPECT_EQ(value, 0);
}

TEST_P(EveryEncoder, HasASquaredNormOfAboutOneOnRealQueries) {
  for (const char* set : {"mmlu_pro", "routellm", "paretobandit_val"}) {
    std::ifstream file(shared_data_dir() + "/" + set + "/outcomes.jsonl");
    if (!file) GTEST_SKIP() << "no data set at " << shared_data_dir() << "/" << set;
    double sum = 0;
    int queries = 0;
    for (std::string line; queries < 1000 && std::getline(file, line); ++queries) {
      const boost::json::value row = boost::json::parse(line);
      const auto values = encode(*encoder_, query_from_text(row.at("query").as_string()));
      sum += dot(values, values);
    }
    EXPECT_NEAR(sum / queries, 1.0, 0.5) << set;
  }
}

TEST(StaticEncoder, KnowsWordsOfOneSubjectWithoutSharedWords) {
  const auto encoder = make_encoder("static", {.asset_directory = kAssetDir}).value();
  const auto subject = [&](std::string_view text) {
    std::vector<float> values = encode(*encoder, query_from_text(text));
    values.resize(StaticTable::kDimension);
    return values;
  };
  const auto physics = subject("momentum of an electron in a magnetic field");
  const auto also_physics = subject("velocity and energy of photons");
  const auto history = subject("treaty signed by medieval kings");
  EXPECT_GT(dot(physics, also_physics), dot(physics, history));
}

TEST(Encoders, DifferInVersion) {
  EXPECT_NE(make_encoder("static", {.asset_directory = kAssetDir}).value()->version(),
            make_encoder("hash", {.asset_directory = kAssetDir}).value()->version());
}

TEST(Encoders, ReadATableByItsPath) {
  const auto table = make_encoder("static:" + kAssetDir + "/static_v1.bin");
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ((*table)->version(), make_encoder("static").value()->version());
}

TEST(Encoders, RefuseAnUnknownNameAndListTheKnown) {
  const auto encoder = make_encoder("bert", {.asset_directory = kAssetDir});
  ASSERT_FALSE(encoder);
  EXPECT_EQ(encoder.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(encoder.error().message.find("static, static:FILE, hash or minilm:FOLDER"),
            std::string::npos);
}

class Table : public testing::Test {
 protected:
  static std::string file_bytes() {
    std::ifstream file(kAssetDir + "/static_v1.bin", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  static ErrorCode error_of(std::string_view bytes) {
    const auto table = StaticTable::parse(bytes, "test");
    return table ? ErrorCode::unavailable : table.error().code;
  }

  const std::string bytes_ = file_bytes();
};

TEST_F(Table, IsReadWhole) {
  const auto table = StaticTable::parse(bytes_, "test");
  ASSERT_TRUE(table);
  EXPECT_EQ(table->tokenizer().vocabulary_size(), 30522u);
}

TEST_F(Table, IsRefusedWhenAByteChanged) {
  for (const std::size_t at : {std::size_t{24}, std::size_t{1'000'000}, bytes_.size() - 1}) {
    std::string damaged = bytes_;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_EQ(error_of(damaged), ErrorCode::corrupt) << at;
  }
}

TEST_F(Table, IsRefusedWhenCutShort) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{8}, std::size_t{40}, bytes_.size() - 1}) {
    EXPECT_EQ(error_of(std::string_view(bytes_).substr(0, size)), ErrorCode::corrupt) << size;
  }
}

TEST_F(Table, IsRefusedInANewerFormat) {
  std::string newer = bytes_;
  newer[8] = 2;
  EXPECT_EQ(error_of(newer), ErrorCode::unsupported);
}

TEST_F(Table, IsRefusedWithNumbersThatNoMeanCanHave) {
  constexpr std::size_t kPriorWeight = 24;  // the last of the header; the first scale follows
  for (const std::size_t at : {kPriorWeight, kPriorWeight + sizeof(float)}) {
    for (const float number : {std::numeric_limits<float>::quiet_NaN(), 1e30f}) {
      std::string odd = bytes_.substr(0, bytes_.size() - sizeof(std::uint32_t));
      std::memcpy(odd.data() + at, &number, sizeof number);
      boost::crc_32_type crc;
      crc.process_bytes(odd.data(), odd.size());
      const std::uint32_t checksum = crc.checksum();
      odd.append(reinterpret_cast<const char*>(&checksum), sizeof checksum);
      EXPECT_EQ(error_of(odd), ErrorCode::corrupt) << number << " at " << at;
    }
  }
}

TEST_F(Table, IsMissedWithItsPath) {
  const auto encoder = make_encoder("static", {.asset_directory = "/nonexistent"});
  ASSERT_FALSE(encoder);
  EXPECT_EQ(encoder.error().code, ErrorCode::io);
  EXPECT_NE(encoder.error().message.find("/nonexistent/static_v1.bin"), std::string::npos);
}

std::array<float, kSurfaceDimension> surface(const Query& query) {
  std::array<float, kSurfaceDimension> values{};
  surface_features(query, values);
  return values;
}

TEST(SurfaceFeatures, SeeDigitsCapitalsSignsAndOtherScripts) {
  const auto plain = surface(query_from_text("some words of no kind at all"));
  EXPECT_GT(surface(query_from_text("1234 5678 9012 3456 7890"))[1], plain[1]);
  EXPECT_GT(surface(query_from_text("SOME WORDS OF NO KIND AT ALL"))[2], plain[2]);
  EXPECT_GT(surface(query_from_text("(+) [-] {*} </> |&| ~!~ #%"))[3], plain[3]);
  EXPECT_GT(surface(query_from_text("несколько слов без смысла"))[4], plain[4]);
}

TEST(SurfaceFeatures, SeeLinesQuestionsMathematicsAndTurns) {
  const auto plain = surface(query_from_text("words"));
  EXPECT_GT(surface(query_from_text("w\no\nr\nd\ns"))[5], plain[5]);
  EXPECT_GT(surface(query_from_text("words?"))[6], plain[6]);
  EXPECT_GT(surface(query_from_text("x^2 = 4"))[8], plain[8]);
  Query later = query_from_text("words");
  later.turns = 9;
  EXPECT_GT(surface(later)[10], plain[10]);
}

TEST(SurfaceFeatures, StayInTheirBounds) {
  EXPECT_TRUE(rc::check([](const std::string& bytes, std::uint32_t turns, std::uint64_t length) {
    Query query = query_from_text(bytes);
    query.turns = turns;
    query.prompt_bytes = length;
    for (const float value : surface(query)) RC_ASSERT(std::abs(value) <= 0.8001f);
  }));
}

}  // namespace
}  // namespace yardmaster::env
