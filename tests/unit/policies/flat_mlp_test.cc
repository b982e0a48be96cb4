#include "policies/flat_mlp.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace yardmaster::policies {
namespace {

std::vector<float> normals(std::size_t count, Rng& rng, double size) {
  std::vector<float> out(count);
  for (float& value : out) value = static_cast<float>(size * rng.normal());
  return out;
}

TEST(FlatMlp, IsTheSumsAndTangentsThatItsDefinitionSays) {
  Rng rng(1);
  for (const std::size_t width : {1UL, 5UL, 64UL, 100UL}) {
    const auto weights1 = normals(width * 7, rng, 0.3), bias1 = normals(width, rng, 1);
    const auto weights2 = normals(3 * width, rng, 0.3), bias2 = normals(3, rng, 1);
    FlatMlp mlp;
    mlp.add_layer(weights1, bias1);
    mlp.add_layer(weights2, bias2);
    const auto in = normals(7, rng, 1);
    std::vector<float> out(3), features(width);
    mlp.forward(in, out);
    mlp.features(in, features);
    std::vector<double> hidden(width);
    for (std::size_t i = 0; i < width; ++i) {
      double sum = bias1[i];
      for (std::size_t j = 0; j < 7; ++j) sum += double(weights1[i * 7 + j]) * double(in[j]);
      hidden[i] = std::tanh(sum);
      EXPECT_NEAR(features[i], hidden[i], 1e-5);
    }
    for (std::size_t i = 0; i < 3; ++i) {
      double sum = bias2[i];
      for (std::size_t j = 0; j < width; ++j) sum += double(weights2[i * width + j]) * hidden[j];
      EXPECT_NEAR(out[i], sum, 1e-5);
    }
  }
}

TEST(FlatMlp, TanhIsTheLibrarysToAMillionth) {
  std::vector<float> values, expected;
  for (float x = -12; x <= 12; x += 0.001F) values.push_back(x);
  for (const float x : values) expected.push_back(std::tanh(x));
  tanh_in_place(values);
  for (std::size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(values[i], expected[i], 1e-6);
}

}  // namespace
}  // namespace yardmaster::policies
