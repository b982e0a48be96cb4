#include "policies/float_product.h"

#include <algorithm>
#include <vector>

#include "policies/multiversion.h"

namespace yardmaster::policies {

namespace {

constexpr std::size_t kRows = 4;
constexpr std::size_t kVectors = 2;

// kCount rows of one panel of columns. `panel` holds the bias and then the rows of b.
template <std::size_t kBytes, std::size_t kCount>
YARDMASTER_INLINE void rows_of(const float* __restrict a, std::size_t row, std::size_t column,
                               const float* __restrict panel, std::size_t inner,
                               std::size_t columns, std::size_t stride, float* __restrict out) {
  using Floats = typename Lanes<float, kBytes>::Vector;
  constexpr std::size_t lanes = kBytes / sizeof(float);
  constexpr std::size_t width = kVectors * lanes;
  Floats sums[kCount][kVectors];
  for (std::size_t r = 0; r < kCount; ++r) {
    for (std::size_t v = 0; v < kVectors; ++v) sums[r][v] = vector_at<kBytes>(panel + v * lanes);
  }
  for (std::size_t k = 0; k < inner; ++k) {
    panel += width;
    for (std::size_t r = 0; r < kCount; ++r) {
      const float factor = a[r * row + k * column];
      for (std::size_t v = 0; v < kVectors; ++v) {
        sums[r][v] += factor * vector_at<kBytes>(panel + v * lanes);
      }
    }
  }
  for (std::size_t r = 0; r < kCount; ++r) {
    float part[width];
    float* const to = columns == width ? out + r * stride : part;
    for (std::size_t v = 0; v < kVectors; ++v) vector_at<kBytes>(to + v * lanes) = sums[r][v];
    if (to == part) std::copy_n(part, columns, out + r * stride);
  }
}

// Panel by panel of b's columns, each copied to lie without gaps, the last filled up with zeros.
template <std::size_t kBytes>
YARDMASTER_INLINE void product_of(const FloatMatrix& a, const FloatMatrix& b, const float* bias,
                                  std::size_t rows, std::size_t inner, std::size_t columns,
                                  float* panel, float* __restrict out) {
  constexpr std::size_t width = kVectors * kBytes / sizeof(float);
  for (std::size_t first = 0; first < columns; first += width) {
    const std::size_t count = std::min(width, columns - first);
    std::fill_n(panel, (inner + 1) * width, 0.0F);
    if (bias != nullptr) std::copy_n(bias + first, count, panel);
    for (std::size_t k = 0; k < inner; ++k) {
      const float* from = b.values + k * b.row + first * b.column;
      float* to = panel + (k + 1) * width;
      for (std::size_t j = 0; j < count; ++j) to[j] = from[j * b.column];
    }
    std::size_t i = 0;
    for (; i + kRows <= rows; i += kRows) {
      rows_of<kBytes, kRows>(a.values + i * a.row, a.row, a.column, panel, inner, count, columns,
                             out + i * columns + first);
    }
    for (; i < rows; ++i) {
      rows_of<kBytes, 1>(a.values + i * a.row, a.row, a.column, panel, inner, count, columns,
                         out + i * columns + first);
    }
  }
}

#define YARDMASTER_DEFINE(TARGET, BYTES)                                                      \
  TARGET void product(const FloatMatrix& a, const FloatMatrix& b, const float* bias,          \
                      std::size_t rows, std::size_t inner, std::size_t columns, float* panel, \
                      float* out) {                                                           \
    product_of<BYTES>(a, b, bias, rows, inner, columns, panel, out);                          \
  }
YARDMASTER_BY_WIDTH(YARDMASTER_DEFINE)
#undef YARDMASTER_DEFINE

constexpr std::size_t kWidestPanel = kVectors * 64 / sizeof(float);

}  // namespace

void multiply(const FloatMatrix& a, const FloatMatrix& b, const float* bias, std::size_t rows,
              std::size_t inner, std::size_t columns, float* out) {
  std::vector<float> panel((inner + 1) * kWidestPanel);
  product(a, b, bias, rows, inner, columns, panel.data(), out);
}

}  // namespace yardmaster::policies
