#pragma once

#include <cstddef>

namespace yardmaster::policies {

/// Dense loops for symmetric matrices in double precision, compiled for several instruction sets
/// and picked when the program starts. Matrices are row-major with `stride` doubles a row and
/// padded(n) of them allocated for each of n rows; only the lower triangle is kept, and the
/// blocks of eight on the diagonal in full, which halves what a product must read. Vectors have
/// `stride` entries, those beyond n zero. Sums run in a fixed order, so results are the same bit
/// for bit on one machine. Pointers must not overlap. Any thread.

/// The stride for dimension n: whole vectors of eight doubles.
constexpr std::size_t padded(std::size_t n) { return (n + 7) / 8 * 8; }

/// The entry at (i, j), wherever the triangle keeps it.
inline double entry(const double* matrix, std::size_t i, std::size_t j, std::size_t stride) {
  return i >= j ? matrix[i * stride + j] : matrix[j * stride + i];
}

/// out = matrix * vector.
void symmetric_times(const double* matrix, const double* vector, std::size_t n, std::size_t stride,
                     double* out);

/// vector' * matrix * vector.
double quadratic_form(const double* matrix, const double* vector, std::size_t n,
                      std::size_t stride);

/// matrix += factor * vector * vector'.
void add_outer(double* matrix, const double* vector, double factor, std::size_t n,
               std::size_t stride);

double dot(const double* a, const double* b, std::size_t n);

/// out = the inverse of a symmetric positive definite matrix, by Cholesky factors; false, with
/// `out` as it was, where the matrix is not positive definite. `scratch` is as large as `matrix`.
bool invert_positive_definite(const double* matrix, std::size_t n, std::size_t stride, double* out,
                              double* scratch);

}  // namespace yardmaster::policies
