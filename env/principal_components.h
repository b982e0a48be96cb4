#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace yardmaster::env {

/// Directions of the largest variance, the largest first.
struct PrincipalComponents {
  std::vector<double> variances;  ///< a component each
  std::vector<double> axes;       ///< components x dimension, each of length 1
};

/// Of a covariance matrix (dimension x dimension, symmetric), by LAPACK. An axis's sign is
/// arbitrary: its largest entry is made positive. At most `count` components; those whose variance
/// is not above a millionth of the largest are left out.
PrincipalComponents principal_components(std::span<const double> covariance, std::size_t dimension,
                                         std::size_t count);

/// The covariance of rows (count x dimension) around `centre`.
std::vector<double> covariance(std::span<const float> rows, std::span<const double> centre);

}  // namespace yardmaster::env
