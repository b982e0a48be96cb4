#include "policies/kernels.h"

#include <algorithm>
#include <cmath>

#include "policies/multiversion.h"

namespace yardmaster::policies {

namespace {

constexpr std::size_t kBlock = 8;
constexpr std::size_t kRows = 4;
static_assert(kBlock % kRows == 0);

template <std::size_t kBytes>
using Doubles = typename Lanes<double, kBytes>::Vector;

YARDMASTER_INLINE double sum(const Doubles<16>& v) { return v[0] + v[1]; }

YARDMASTER_INLINE double sum(const Doubles<32>& v) {
  return sum(__builtin_shufflevector(v, v, 0, 1) + __builtin_shufflevector(v, v, 2, 3));
}

YARDMASTER_INLINE double sum(const Doubles<64>& v) {
  return sum(__builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7));
}

// What kCount rows from row i on add to a product. Left of the diagonal's block an entry counts
// twice: in its own row and, mirrored, in its column's.
template <std::size_t kBytes, std::size_t kCount>
YARDMASTER_INLINE void rows_times(const double* __restrict rows, const double* __restrict vector,
                                  std::size_t i, std::size_t stride, double* __restrict out) {
  constexpr std::size_t lanes = kBytes / sizeof(double);
  const std::size_t diagonal = i / kBlock * kBlock;
  Doubles<kBytes> sums[kCount] = {};
  for (std::size_t j = 0; j < diagonal; j += lanes) {
    Doubles<kBytes> columns{};
    const Doubles<kBytes> x = vector_at<kBytes>(vector + j);
    for (std::size_t r = 0; r < kCount; ++r) {
      const Doubles<kBytes> entries = vector_at<kBytes>(rows + r * stride + j);
      columns += vector[i + r] * entries;
      sums[r] += entries * x;
    }
    vector_at<kBytes>(out + j) += columns;
  }
  for (std::size_t j = diagonal; j < diagonal + kBlock; j += lanes) {
    Doubles<kBytes> columns{};
    for (std::size_t r = 0; r < kCount; ++r) {
      columns += vector[i + r] * vector_at<kBytes>(rows + r * stride + j);
    }
    vector_at<kBytes>(out + j) += columns;
  }
  for (std::size_t r = 0; r < kCount; ++r) out[i + r] += sum(sums[r]);
}

// Four rows a pass, so that `out` is loaded and stored a quarter as often. The last pass may
// reach past row n, where there is nothing: its rows are taken one by one.
template <std::size_t kBytes>
YARDMASTER_INLINE void product_of(const double* __restrict matrix, const double* __restrict vector,
                                  std::size_t n, std::size_t stride, double* __restrict out) {
  for (std::size_t j = 0; j < stride; ++j) out[j] = 0;
  std::size_t i = 0;
  for (; i + kRows <= n; i += kRows) {
    rows_times<kBytes, kRows>(matrix + i * stride, vector, i, stride, out);
  }
  for (; i < n; ++i) rows_times<kBytes, 1>(matrix + i * stride, vector, i, stride, out);
}

// What kCount rows from row i on add to a quadratic form: of the diagonal's block an entry counts
// as it stands, left of it twice.
template <std::size_t kBytes, std::size_t kCount>
YARDMASTER_INLINE void rows_form(const double* __restrict rows, const double* __restrict vector,
                                 std::size_t i, std::size_t stride, Doubles<kBytes>& left,
                                 Doubles<kBytes>& block) {
  constexpr std::size_t lanes = kBytes / sizeof(double);
  const std::size_t diagonal = i / kBlock * kBlock;
  for (std::size_t j = 0; j < diagonal + kBlock; j += lanes) {
    Doubles<kBytes> columns{};
    for (std::size_t r = 0; r < kCount; ++r) {
      columns += vector[i + r] * vector_at<kBytes>(rows + r * stride + j);
    }
    (j < diagonal ? left : block) += columns * vector_at<kBytes>(vector + j);
  }
}

template <std::size_t kBytes>
YARDMASTER_INLINE double form_of(const double* __restrict matrix, const double* __restrict vector,
                                 std::size_t n, std::size_t stride) {
  Doubles<kBytes> left{}, block{};
  std::size_t i = 0;
  for (; i + kRows <= n; i += kRows) {
    rows_form<kBytes, kRows>(matrix + i * stride, vector, i, stride, left, block);
  }
  for (; i < n; ++i) rows_form<kBytes, 1>(matrix + i * stride, vector, i, stride, left, block);
  return 2 * sum(left) + sum(block);
}

// Adds to kCount rows from row i on.
template <std::size_t kBytes, std::size_t kCount>
YARDMASTER_INLINE void rows_outer(double* __restrict rows, const double* __restrict vector,
                                  double factor, std::size_t i, std::size_t stride) {
  double scaled[kCount];
  for (std::size_t r = 0; r < kCount; ++r) scaled[r] = factor * vector[i + r];
  const std::size_t end = (i / kBlock + 1) * kBlock;
  for (std::size_t j = 0; j < end; j += kBytes / sizeof(double)) {
    const Doubles<kBytes> x = vector_at<kBytes>(vector + j);
    for (std::size_t r = 0; r < kCount; ++r)
      vector_at<kBytes>(rows + r * stride + j) += scaled[r] * x;
  }
}

template <std::size_t kBytes>
YARDMASTER_INLINE void outer_of(double* __restrict matrix, const double* __restrict vector,
                                double factor, std::size_t n, std::size_t stride) {
  std::size_t i = 0;
  for (; i + kRows <= n; i += kRows) {
    rows_outer<kBytes, kRows>(matrix + i * stride, vector, factor, i, stride);
  }
  for (; i < n; ++i) rows_outer<kBytes, 1>(matrix + i * stride, vector, factor, i, stride);
}

#define YARDMASTER_DEFINE(TARGET, BYTES)                                                \
  TARGET void product(const double* matrix, const double* vector, std::size_t n,        \
                      std::size_t stride, double* out) {                                \
    product_of<BYTES>(matrix, vector, n, stride, out);                                  \
  }                                                                                     \
  TARGET double form(const double* matrix, const double* vector, std::size_t n,         \
                     std::size_t stride) {                                              \
    return form_of<BYTES>(matrix, vector, n, stride);                                   \
  }                                                                                     \
  TARGET void outer(double* matrix, const double* vector, double factor, std::size_t n, \
                    std::size_t stride) {                                               \
    outer_of<BYTES>(matrix, vector, factor, n, stride);                                 \
  }
YARDMASTER_BY_WIDTH(YARDMASTER_DEFINE)
#undef YARDMASTER_DEFINE

}  // namespace

void symmetric_times(const double* matrix, const double* vector, std::size_t n, std::size_t stride,
                     double* out) {
  product(matrix, vector, n, stride, out);
}

double quadratic_form(const double* matrix, const double* vector, std::size_t n,
                      std::size_t stride) {
  return form(matrix, vector, n, stride);
}

void add_outer(double* matrix, const double* vector, double factor, std::size_t n,
               std::size_t stride) {
  outer(matrix, vector, factor, n, stride);
}

YARDMASTER_MULTIVERSION
double dot(const double* __restrict a, const double* __restrict b, std::size_t n) {
  double lanes[kBlock] = {};
  std::size_t i = 0;
  for (; i + kBlock <= n; i += kBlock) {
    for (std::size_t lane = 0; lane < kBlock; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
  }
  double sum = ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
               ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
  for (; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

namespace {

// Upper factor R in rows of `factor` with matrix = R' R. Right-looking, so the inner loop runs
// along a row and vectorises without reordering sums.
YARDMASTER_MULTIVERSION
bool cholesky(double* __restrict factor, std::size_t n, std::size_t stride) {
  for (std::size_t k = 0; k < n; ++k) {
    double* pivot_row = factor + k * stride;
    const double pivot = pivot_row[k];
    if (!(pivot > 0) || !std::isfinite(pivot)) return false;
    const double scale = 1 / std::sqrt(pivot);
    for (std::size_t j = k; j < n; ++j) pivot_row[j] *= scale;
    for (std::size_t i = k + 1; i < n; ++i) {
      double* row = factor + i * stride;
      const double a = pivot_row[i];
      for (std::size_t j = i; j < n; ++j) row[j] -= a * pivot_row[j];
    }
  }
  return true;
}

// The inverse of R', lower triangular: solves R' Y = I a row of Y at a time.
YARDMASTER_MULTIVERSION
void invert_transposed(const double* __restrict factor, std::size_t n, std::size_t stride,
                       double* __restrict out) {
  for (std::size_t i = 0; i < n; ++i) {
    double* row = out + i * stride;
    for (std::size_t j = 0; j < stride; ++j) row[j] = 0;
    row[i] = 1;
    for (std::size_t k = 0; k < i; ++k) {
      const double a = factor[k * stride + i];
      const double* above = out + k * stride;
      for (std::size_t j = 0; j <= k; ++j) row[j] -= a * above[j];
    }
    const double scale = 1 / factor[i * stride + i];
    for (std::size_t j = 0; j <= i; ++j) row[j] *= scale;
  }
}

}  // namespace

bool invert_positive_definite(const double* matrix, std::size_t n, std::size_t stride, double* out,
                              double* scratch) {
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i; j < n; ++j) scratch[i * stride + j] = entry(matrix, i, j, stride);
  }
  if (!cholesky(scratch, n, stride)) return false;
  // The inverse of R' R is Y' Y, the sum of its rows' outer products; row k ends at k.
  invert_transposed(scratch, n, stride, out);
  std::fill_n(scratch, n * stride, 0.0);
  for (std::size_t k = 0; k < n; ++k) add_outer(scratch, out + k * stride, 1, k + 1, stride);
  std::copy_n(scratch, n * stride, out);
  return true;
}

}  // namespace yardmaster::policies
