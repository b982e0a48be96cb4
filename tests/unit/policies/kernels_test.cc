#include "policies/kernels.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace yardmaster::policies {
namespace {

TEST(Kernels, SymmetricTimesAndOuterProductAgreeWithHandArithmetic) {
  // [2 1; 1 3] * (1, 2) = (4, 7); adding 10 * (1, 2)(1, 2)' gives [12 21; 21 43].
  std::vector<double> matrix(2 * 8), vector(8), out(8, -1);
  matrix[0] = 2, matrix[1] = 1, matrix[8] = 1, matrix[9] = 3;
  vector[0] = 1, vector[1] = 2;
  symmetric_times(matrix.data(), vector.data(), 2, 8, out.data());
  EXPECT_EQ(out[0], 4);
  EXPECT_EQ(out[1], 7);
  EXPECT_EQ(out[2], 0);  // padding
  EXPECT_EQ(quadratic_form(matrix.data(), vector.data(), 2, 8), 18);
  add_outer(matrix.data(), vector.data(), 10, 2, 8);
  EXPECT_EQ(matrix[0], 12);
  EXPECT_EQ(matrix[1], 21);
  EXPECT_EQ(matrix[8], 21);
  EXPECT_EQ(matrix[9], 43);
  EXPECT_EQ(dot(vector.data(), out.data(), 2), 18);
}

TEST(Kernels, OnlyTheLowerTriangleIsRead) {
  constexpr std::size_t kN = 19;
  const std::size_t stride = padded(kN);
  std::vector<double> matrix(kN * stride, 1e300), vector(stride), out(stride);
  double sum = 0;
  for (std::size_t i = 0; i < kN; ++i) {
    vector[i] = 1 + static_cast<double>(i);
    sum += vector[i];
    for (std::size_t j = 0; j <= i / 8 * 8 + 7; ++j) matrix[i * stride + j] = 1;
  }
  symmetric_times(matrix.data(), vector.data(), kN, stride, out.data());
  for (std::size_t i = 0; i < kN; ++i) EXPECT_EQ(out[i], sum);
  EXPECT_EQ(quadratic_form(matrix.data(), vector.data(), kN, stride), sum * sum);
}

TEST(Kernels, InverseTimesMatrixIsTheIdentity) {
  constexpr std::size_t kN = 13;
  const std::size_t stride = padded(kN);
  Rng rng(5);
  std::vector<double> matrix(kN * stride), inverse(kN * stride), scratch(kN * stride);
  for (std::size_t i = 0; i < kN; ++i) matrix[i * stride + i] = 0.5;
  for (int row = 0; row < 20; ++row) {
    std::vector<double> x(stride);
    for (std::size_t i = 0; i < kN; ++i) x[i] = rng.normal();
    add_outer(matrix.data(), x.data(), 1, kN, stride);
  }
  ASSERT_TRUE(invert_positive_definite(matrix.data(), kN, stride, inverse.data(), scratch.data()));
  for (std::size_t j = 0; j < kN; ++j) {
    std::vector<double> column(stride), out(stride);
    for (std::size_t i = 0; i < kN; ++i) column[i] = entry(inverse.data(), i, j, stride);
    symmetric_times(matrix.data(), column.data(), kN, stride, out.data());
    for (std::size_t i = 0; i < kN; ++i) EXPECT_NEAR(out[i], i == j ? 1 : 0, 1e-9);
  }
}

TEST(Kernels, AMatrixThatIsNotPositiveDefiniteIsRefused) {
  std::vector<double> matrix(2 * 8), inverse(2 * 8), scratch(2 * 8);
  matrix[0] = 1, matrix[1] = 2, matrix[8] = 2, matrix[9] = 1;  // eigenvalues 3 and -1
  EXPECT_FALSE(invert_positive_definite(matrix.data(), 2, 8, inverse.data(), scratch.data()));
}

}  // namespace
}  // namespace yardmaster::policies
