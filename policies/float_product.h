#pragma once

#include <cstddef>

namespace yardmaster::policies {

/// A matrix in memory: entry (i, j) is at `values[i * row + j * column]`, so that a transpose is
/// the same memory with the strides exchanged.
struct FloatMatrix {
  const float* values = nullptr;
  std::size_t row = 0;
  std::size_t column = 1;
};

/// out = a * b, plus `bias` in each row unless it is nullptr: a is rows x inner, b inner x columns,
/// out rows x columns without gaps. Compiled for several instruction sets, as kernels.h: OpenBLAS
/// takes a processor younger than itself for an old one, and at these sizes mostly copies. Pointers
/// must not overlap. Any thread.
void multiply(const FloatMatrix& a, const FloatMatrix& b, const float* bias, std::size_t rows,
              std::size_t inner, std::size_t columns, float* out);

}  // namespace yardmaster::policies
