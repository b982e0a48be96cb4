#include "policies/kernels.h"

#include <algorithm>
#include <cmath>

#include "policies/multiversion.h"

namespace yardmaster::policies {

namespace {

constexpr std::size_t kBlock = 8;
constexpr std::size_t kRows = 4;
static_assert(kBlock % kRows == 0);

// Eight doubles anywhere in memory; the compiler splits them where registers are narrower.
typedef double Eight __attribute__((vector_size(64), aligned(8), may_alias));

}  // namespace

YARDMASTER_MULTIVERSION
void symmetric_times(const double* __restrict matrix, const double* __restrict vector,
                     std::size_t n, std::size_t stride, double* __restrict out) {
  for (std::size_t j = 0; j < stride; ++j) out[j] = 0;
  // Four rows a pass, so that `out` is loaded and stored a quarter as often. The last pass may
  // reach past row n, where there is nothing: its rows are taken one by one.
  std::size_t i = 0;
  for (; i + kRows <= n; i += kRows) {
    const double* row = matrix + i * stride;
    const std::size_t diagonal = i / kBlock * kBlock;
    const double a = vector[i], b = vector[i + 1], c = vector[i + 2], d = vector[i + 3];
    Eight sum_a{}, sum_b{}, sum_c{}, sum_d{};
    // Left of the diagonal's block an entry counts twice: in its own row and, mirrored, in its
    // column's.
    for (std::size_t j = 0; j <= diagonal; j += kBlock) {
      const Eight row_a = *reinterpret_cast<const Eight*>(row + j);
      const Eight row_b = *reinterpret_cast<const Eight*>(row + stride + j);
      const Eight row_c = *reinterpret_cast<const Eight*>(row + 2 * stride + j);
      const Eight row_d = *reinterpret_cast<const Eight*>(row + 3 * stride + j);
      *reinterpret_cast<Eight*>(out + j) += (a * row_a + b * row_b) + (c * row_c + d * row_d);
      if (j == diagonal) break;
      const Eight x = *reinterpret_cast<const Eight*>(vector + j);
      sum_a += row_a * x;
      sum_b += row_b * x;
      sum_c += row_c * x;
      sum_d += row_d * x;
    }
    for (std::size_t lane = 0; lane < kBlock; ++lane) {
      out[i] += sum_a[lane];
      out[i + 1] += sum_b[lane];
      out[i + 2] += sum_c[lane];
      out[i + 3] += sum_d[lane];
    }
  }
  for (; i < n; ++i) {
    const double* row = matrix + i * stride;
    const std::size_t diagonal = i / kBlock * kBlock;
    double sum = 0;
    for (std::size_t j = 0; j < diagonal; ++j) sum += row[j] * vector[j];
    for (std::size_t j = 0; j < diagonal + kBlock; ++j) out[j] += vector[i] * row[j];
    out[i] += sum;
  }
}

YARDMASTER_MULTIVERSION
double quadratic_form(const double* __restrict matrix, const double* __restrict vector,
                      std::size_t n, std::size_t stride) {
  // Of the diagonal's block an entry counts as it stands, left of it twice.
  double total = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double* row = matrix + i * stride;
    const std::size_t diagonal = i / kBlock * kBlock;
    Eight left{}, right{};
    std::size_t j = 0;
    for (; j + kBlock < diagonal; j += 2 * kBlock) {
      left +=
          *reinterpret_cast<const Eight*>(row + j) * *reinterpret_cast<const Eight*>(vector + j);
      right += *reinterpret_cast<const Eight*>(row + j + kBlock) *
               *reinterpret_cast<const Eight*>(vector + j + kBlock);
    }
    if (j < diagonal) {
      left +=
          *reinterpret_cast<const Eight*>(row + j) * *reinterpret_cast<const Eight*>(vector + j);
    }
    const Eight block = *reinterpret_cast<const Eight*>(row + diagonal) *
                        *reinterpret_cast<const Eight*>(vector + diagonal);
    const Eight sums = 2 * (left + right) + block;
    double sum = 0;
    for (std::size_t lane = 0; lane < kBlock; ++lane) sum += sums[lane];
    total += vector[i] * sum;
  }
  return total;
}

YARDMASTER_MULTIVERSION
void add_outer(double* __restrict matrix, const double* __restrict vector, double factor,
               std::size_t n, std::size_t stride) {
  for (std::size_t i = 0; i < n; ++i) {
    double* row = matrix + i * stride;
    const double scaled = factor * vector[i];
    const std::size_t end = (i / kBlock + 1) * kBlock;
    for (std::size_t j = 0; j < end; ++j) row[j] += scaled * vector[j];
  }
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

// Solves R' R X = I a row of X at a time, all columns in step.
YARDMASTER_MULTIVERSION
void solve_identity(const double* __restrict factor, std::size_t n, std::size_t stride,
                    double* __restrict out) {
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < stride; ++j) out[i * stride + j] = 0;
    out[i * stride + i] = 1;
  }
  for (std::size_t i = 0; i < n; ++i) {  // R' Y = I: Y is lower triangular
    double* row = out + i * stride;
    for (std::size_t k = 0; k < i; ++k) {
      const double a = factor[k * stride + i];
      const double* above = out + k * stride;
      for (std::size_t j = 0; j <= k; ++j) row[j] -= a * above[j];
    }
    const double scale = 1 / factor[i * stride + i];
    for (std::size_t j = 0; j <= i; ++j) row[j] *= scale;
  }
  for (std::size_t i = n; i-- > 0;) {  // R X = Y
    double* row = out + i * stride;
    for (std::size_t k = i + 1; k < n; ++k) {
      const double a = factor[i * stride + k];
      const double* below = out + k * stride;
      for (std::size_t j = 0; j < n; ++j) row[j] -= a * below[j];
    }
    const double scale = 1 / factor[i * stride + i];
    for (std::size_t j = 0; j < n; ++j) row[j] *= scale;
  }
}

}  // namespace

bool invert_positive_definite(const double* matrix, std::size_t n, std::size_t stride, double* out,
                              double* scratch) {
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i; j < n; ++j) scratch[i * stride + j] = entry(matrix, i, j, stride);
  }
  if (!cholesky(scratch, n, stride)) return false;
  solve_identity(scratch, n, stride, out);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const double mean = (out[i * stride + j] + out[j * stride + i]) / 2;
      out[i * stride + j] = out[j * stride + i] = mean;
    }
  }
  return true;
}

}  // namespace yardmaster::policies
