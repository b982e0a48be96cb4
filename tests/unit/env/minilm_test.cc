#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "env/encoder.h"
#include "env/minilm_folder.h"
#include "env/minilm_network.h"
#include "env/minilm_projection.h"
#include "env/surface_features.h"
#include "tests/common/temp_dir.h"

namespace yardmaster::env {
namespace {

namespace json = boost::json;

const std::string kFixture = std::string(YARDMASTER_SOURCE_DIR) + "/tests/unit/env/minilm_fixture";

std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_text(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

struct Example {
  std::string text;
  std::vector<double> vector;
};

/// What the reference in scripts/minilm_reference.py makes of some texts.
std::vector<Example> expected() {
  std::vector<Example> examples;
  std::ifstream file(kFixture + "/expected.jsonl");
  for (std::string line; std::getline(file, line);) {
    const json::value value = json::parse(line);
    examples.push_back({std::string(value.at("text").as_string()),
                        json::value_to<std::vector<double>>(value.at("vector"))});
  }
  return examples;
}

class MiniLm : public testing::Test {
 protected:
  std::vector<float> vector_of(const std::vector<std::string>& texts) const {
    std::vector<std::vector<WordPiece::TokenId>> ids;
    for (const std::string& text : texts) ids.push_back(folder_.tokenizer.tokenize(text));
    std::vector<float> out(texts.size() * network_.dimension());
    network_.embed(ids, out);
    return out;
  }

  MiniLmFolder folder_ = MiniLmFolder::read(kFixture).value();
  MiniLmNetwork network_ = MiniLmNetwork::make(folder_.config, folder_.weights).value();
};

TEST_F(MiniLm, EqualsTheReference) {
  const std::vector<Example> examples = expected();
  ASSERT_GE(examples.size(), 10u);
  for (const Example& example : examples) {
    const std::vector<float> vector = vector_of({example.text});
    ASSERT_EQ(vector.size(), example.vector.size());
    for (std::size_t i = 0; i < vector.size(); ++i) {
      EXPECT_NEAR(vector[i], example.vector[i], 2e-6) << example.text << " value " << i;
    }
  }
}

TEST_F(MiniLm, GivesTheSameAloneAsInABatch) {
  std::vector<std::string> texts;
  for (const Example& example : expected()) texts.push_back(example.text);
  const std::vector<float> together = vector_of(texts);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::vector<float> alone = vector_of({texts[i]});
    for (std::size_t j = 0; j < alone.size(); ++j) {
      EXPECT_NEAR(alone[j], together[i * alone.size() + j], 1e-6) << texts[i];
    }
  }
}

TEST_F(MiniLm, SeesOnlyTheFirstTokensOfALongText) {
  std::string text;
  for (int i = 0; i < 18; ++i) text += "river ";
  EXPECT_EQ(vector_of({text}), vector_of({text + "light and sound"}));
}

/// A copy of the fixture that a test may damage.
class MiniLmDamaged : public testing::Test {
 protected:
  MiniLmDamaged() {
    std::filesystem::copy(kFixture, folder_, std::filesystem::copy_options::recursive);
  }

  Error error() const {
    const auto folder = MiniLmFolder::read(folder_.string());
    if (!folder) return folder.error();
    const auto network = MiniLmNetwork::make(folder->config, folder->weights);
    return network ? Error{ErrorCode::unavailable, "no error"} : network.error();
  }

  void replace(const std::string& file, std::string_view from, std::string_view to) const {
    std::string text = file_text(folder_ / file);
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    write_text(folder_ / file, text.replace(at, from.size(), to));
  }

  test::TempDir directory_;
  std::filesystem::path folder_ = directory_.path() / "model";
};

TEST_F(MiniLmDamaged, MissesAFileByItsPath) {
  std::filesystem::remove(folder_ / "vocab.txt");
  EXPECT_EQ(error().code, ErrorCode::io);
  EXPECT_NE(error().message.find((folder_ / "vocab.txt").string()), std::string::npos);
}

TEST_F(MiniLmDamaged, RefusesSizesThatTheWeightsDoNotHave) {
  replace("config.json", "\"intermediate_size\": 32", "\"intermediate_size\": 48");
  EXPECT_EQ(error().code, ErrorCode::corrupt);
  EXPECT_NE(error().message.find("is 32 x 16, expected 48 x 16"), std::string::npos)
      << error().message;
}

TEST_F(MiniLmDamaged, RefusesHeadsThatDoNotDivideTheHiddenSize) {
  replace("config.json", "\"num_attention_heads\": 2", "\"num_attention_heads\": 3");
  EXPECT_EQ(error().code, ErrorCode::corrupt);
}

TEST_F(MiniLmDamaged, RefusesAnotherKindOfNetwork) {
  replace("config.json", "\"bert\"", "\"roberta\"");
  EXPECT_EQ(error().code, ErrorCode::unsupported);
}

TEST_F(MiniLmDamaged, RefusesAnotherPooling) {
  write_text(folder_ / "1_Pooling" / "config.json",
             R"({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false})");
  EXPECT_EQ(error().code, ErrorCode::unsupported);
}

TEST_F(MiniLmDamaged, RefusesMoreTokensThanTheWeightsHave) {
  replace("vocab.txt", "[PAD]", "extra\n[PAD]");
  EXPECT_EQ(error().code, ErrorCode::corrupt);
}

TEST_F(MiniLmDamaged, RefusesWeightsThatAreCutOff) {
  const std::string bytes = file_text(folder_ / "model.safetensors");
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{7}, std::size_t{100}, bytes.size() - 1}) {
    write_text(folder_ / "model.safetensors", bytes.substr(0, size));
    EXPECT_EQ(error().code, ErrorCode::corrupt) << size;
  }
}

TEST_F(MiniLmDamaged, RefusesWeightsThatAreNotFinite) {
  std::string bytes = file_text(folder_ / "model.safetensors");
  const float infinite = INFINITY;
  std::memcpy(bytes.data() + bytes.size() - sizeof infinite, &infinite, sizeof infinite);
  write_text(folder_ / "model.safetensors", bytes);
  EXPECT_EQ(error().code, ErrorCode::corrupt);
  EXPECT_NE(error().message.find("not finite"), std::string::npos);
}

/// A folder of its own: opening an encoder writes the projection into it.
class MiniLmEncoders : public MiniLmDamaged {
 protected:
  std::unique_ptr<Encoder> open() const {
    auto encoder = make_encoder("minilm:" + folder_.string(), {.cache_directory = cache_.string()});
    EXPECT_TRUE(encoder) << encoder.error().message;
    return std::move(*encoder);
  }

  static std::vector<float> encode(const Encoder& encoder, std::string_view text) {
    std::vector<float> values(encoder.dimension());
    encoder.encode(query_from_text(text), values);
    return values;
  }

  std::filesystem::path cache_ = directory_.path() / "cache";
};

TEST_F(MiniLmEncoders, CarryTheirNameWithoutThePath) { EXPECT_EQ(open()->name(), "minilm"); }

TEST_F(MiniLmEncoders, GiveTheSameValuesFromTheCacheAsFromTheNetwork) {
  const auto encoder = open();
  const std::vector<float> made = encode(*encoder, "list the rivers");
  EXPECT_EQ(encode(*encoder, "list the rivers"), made);
  EXPECT_EQ(encode(*open(), "list the rivers"), made);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(cache_), {}), 1);
}

TEST_F(MiniLmEncoders, MakeAVectorAnewWhereItsRecordIsDamaged) {
  const std::vector<float> made = encode(*open(), "list the rivers");
  const auto file = std::filesystem::directory_iterator(cache_)->path();
  std::string bytes = file_text(file);
  bytes[40] = static_cast<char>(bytes[40] ^ 1);
  write_text(file, bytes + "half a record");
  EXPECT_EQ(encode(*open(), "list the rivers"), made);
  EXPECT_EQ(encode(*open(), "list the rivers"), made);
}

TEST_F(MiniLmEncoders, KeepTheirVersionAndChangeItWithTheWeights) {
  const std::uint32_t version = open()->version();
  EXPECT_EQ(open()->version(), version);
  std::string bytes = file_text(folder_ / "model.safetensors");
  const float other = 0.25f;
  std::memcpy(bytes.data() + bytes.size() - sizeof other, &other, sizeof other);
  write_text(folder_ / "model.safetensors", bytes);
  EXPECT_NE(open()->version(), version);
}

TEST_F(MiniLmEncoders, FitADamagedProjectionAnew) {
  const std::vector<float> made = encode(*open(), "explain heat");
  const auto path = folder_ / "yardmaster-projection.bin";
  std::string bytes = file_text(path);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_text(path, bytes);
  EXPECT_EQ(encode(*open(), "explain heat"), made);
}

TEST_F(MiniLmEncoders, EndWithTheSurfaceFeatures) {
  const auto encoder = open();
  const Query query = query_from_text("Is 2 + 2 = 4?\nWrite code: x = {}");
  std::vector<float> values(encoder->dimension());
  encoder->encode(query, values);
  std::array<float, kSurfaceDimension> surface{};
  surface_features(query, surface);
  EXPECT_TRUE(std::equal(surface.begin(), surface.end(), values.end() - kSurfaceDimension));
}

TEST(MiniLmProjections, CentreAndScaleWhatTheyWereFittedOn) {
  // Two directions with variances 16 and 1 around (5, -3, 2); the third never changes.
  std::vector<float> rows;
  for (const float x : {-4.0f, 4.0f}) {
    for (const float y : {-1.0f, 1.0f}) rows.insert(rows.end(), {5 + x, -3 + y, 2.0f});
  }
  const MiniLmProjection projection = MiniLmProjection::fit(rows, rows, 3);
  ASSERT_EQ(projection.dimension(), 2u);
  double squares = 0, first = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    std::array<float, 2> out{};
    projection.apply(std::span(rows).subspan(i * 3, 3), out);
    squares += out[0] * out[0] + out[1] * out[1];
    first += out[0] * out[0];
  }
  EXPECT_NEAR(squares / 4, 0.5, 1e-6);
  EXPECT_NEAR(first / squares, 0.8, 1e-6);  // half-way whitened: deviations 2 and 1
}

}  // namespace
}  // namespace yardmaster::env
