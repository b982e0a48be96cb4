#include "env/principal_components.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace yardmaster::env {
namespace {

constexpr double kLeastVariance = 1e-6;

}  // namespace

PrincipalComponents principal_components(std::span<const double> covariance, std::size_t dimension,
                                         std::size_t count) {
  const auto size = static_cast<std::int64_t>(dimension);
  std::vector<double> matrix(covariance.begin(), covariance.end());
  const auto [ascending, vectors] =
      at::linalg_eigh(at::from_blob(matrix.data(), {size, size}, at::kDouble));
  const at::Tensor rows = vectors.transpose(0, 1).contiguous();  // an eigenvector each
  const double* const variances = ascending.data_ptr<double>();
  PrincipalComponents out;
  for (std::size_t i = 0; i < std::min(count, dimension); ++i) {
    const std::size_t place = dimension - 1 - i;
    if (!(variances[place] > kLeastVariance * variances[dimension - 1])) break;
    const double* const axis = rows.data_ptr<double>() + place * dimension;
    const double largest = *std::max_element(
        axis, axis + dimension, [](double a, double b) { return std::abs(a) < std::abs(b); });
    out.variances.push_back(variances[place]);
    for (std::size_t j = 0; j < dimension; ++j) {
      out.axes.push_back(std::copysign(1.0, largest) * axis[j]);
    }
  }
  return out;
}

std::vector<double> covariance(std::span<const float> rows, std::span<const double> centre) {
  const std::size_t dimension = centre.size();
  const std::size_t count = rows.size() / dimension;
  std::vector<double> sum(dimension * dimension);
  std::vector<double> row(dimension);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < dimension; ++j) row[j] = rows[i * dimension + j] - centre[j];
    for (std::size_t j = 0; j < dimension; ++j) {
      for (std::size_t k = 0; k <= j; ++k) sum[j * dimension + k] += row[j] * row[k];
    }
  }
  for (std::size_t j = 0; j < dimension; ++j) {
    for (std::size_t k = 0; k <= j; ++k) {
      sum[j * dimension + k] /= static_cast<double>(std::max(count, std::size_t{1}));
      sum[k * dimension + j] = sum[j * dimension + k];
    }
  }
  return sum;
}

}  // namespace yardmaster::env
