#include "policies/float_product.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace yardmaster::policies {
namespace {

std::vector<float> small_integers(std::size_t count, Rng& rng) {
  std::vector<float> out(count);
  for (float& value : out) value = static_cast<float>(rng.below(9)) - 4;
  return out;
}

TEST(FloatProduct, AgreesWithHandArithmetic) {
  // [1 2; 3 4] * [5; 6], plus 10.
  const std::vector<float> a{1, 2, 3, 4}, b{5, 6}, bias{10};
  std::vector<float> out(2);
  multiply({a.data(), 2, 1}, {b.data(), 1, 1}, bias.data(), 2, 2, 1, out.data());
  EXPECT_EQ(out, (std::vector<float>{27, 49}));
}

// Integers, so that any order of a sum gives the same.
TEST(FloatProduct, OfAnyShapeAndWithTransposesIsTheSumOfProducts) {
  Rng rng(3);
  for (int trial = 0; trial < 300; ++trial) {
    const std::size_t rows = 1 + rng.below(11), inner = rng.below(80), columns = 1 + rng.below(80);
    const auto a = small_integers(rows * inner, rng), b = small_integers(inner * columns, rng);
    const auto bias = small_integers(columns, rng);
    const bool a_turned = rng.below(2) == 0, b_turned = rng.below(2) == 0,
               biased = rng.below(2) == 0;
    const FloatMatrix left =
        a_turned ? FloatMatrix{a.data(), 1, rows} : FloatMatrix{a.data(), inner, 1};
    const FloatMatrix right =
        b_turned ? FloatMatrix{b.data(), 1, inner} : FloatMatrix{b.data(), columns, 1};
    std::vector<float> out(rows * columns, -1);
    multiply(left, right, biased ? bias.data() : nullptr, rows, inner, columns, out.data());
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns; ++j) {
        float sum = biased ? bias[j] : 0;
        for (std::size_t k = 0; k < inner; ++k) {
          sum += left.values[i * left.row + k * left.column] *
                 right.values[k * right.row + j * right.column];
        }
        ASSERT_EQ(out[i * columns + j], sum) << rows << " x " << inner << " x " << columns;
      }
    }
  }
}

}  // namespace
}  // namespace yardmaster::policies
