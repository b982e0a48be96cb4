#pragma once

#include <cstddef>

namespace yardmaster::policies {

/// Dense loops for symmetric matrices in double precision, compiled for several instruction sets
/// and picked when the program starts. Matrices are row-major with `stride` >= n doubles a row,
/// the padding zero; vectors have `stride` entries. Sums run in a fixed order, so results are the
/// same bit for bit on one machine. Pointers must not overlap. Any thread.

/// The stride for dimension n: whole vectors of eight doubles.
constexpr std::size_t padded(std::size_t n) { return (n + 7) / 8 * 8; }

/// out = matrix * vector, for a symmetric matrix.
void symmetric_times(const double* matrix, const double* vector, std::size_t n, std::size_t stride,
                     double* out);

/// matrix += factor * vector * vector'.
void add_outer(double* matrix, const double* vector, double factor, std::size_t n,
               std::size_t stride);

double dot(const double* a, const double* b, std::size_t n);

/// out = the inverse of a symmetric positive definite matrix, by Cholesky factors; false, with
/// `out` undefined, where the matrix is not positive definite. `scratch` is as large as `matrix`.
bool invert_positive_definite(const double* matrix, std::size_t n, std::size_t stride, double* out,
                              double* scratch);

}  // namespace yardmaster::policies
