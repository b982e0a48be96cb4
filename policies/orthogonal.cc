#include "policies/orthogonal.h"

#include <algorithm>
#include <cmath>

namespace yardmaster::policies {

std::vector<double> orthogonal(std::size_t rows, std::size_t columns, double gain, Rng& rng) {
  const std::size_t count = std::min(rows, columns), length = std::max(rows, columns);
  std::vector<std::vector<double>> basis;
  while (basis.size() < count) {
    std::vector<double> vector(length);
    for (double& value : vector) value = rng.normal();
    // Twice is enough for Gram and Schmidt (Giraud et al. 2005).
    for (int pass = 0; pass < 2; ++pass) {
      for (const auto& other : basis) {
        double overlap = 0;
        for (std::size_t i = 0; i < length; ++i) overlap += vector[i] * other[i];
        for (std::size_t i = 0; i < length; ++i) vector[i] -= overlap * other[i];
      }
    }
    double norm = 0;
    for (const double value : vector) norm += value * value;
    if (!(norm > 1e-12)) continue;
    for (double& value : vector) value /= std::sqrt(norm);
    basis.push_back(std::move(vector));
  }
  std::vector<double> out(rows * columns);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) {
      out[r * columns + c] = gain * (rows <= columns ? basis[r][c] : basis[c][r]);
    }
  }
  return out;
}

}  // namespace yardmaster::policies
