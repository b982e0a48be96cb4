#include "policies/pooled_design.h"

#include <algorithm>
#include <string>

namespace yardmaster::policies {

PooledDesign::PooledDesign(std::size_t n, LinearPrior prior)
    : n_(n),
      stride_(padded(n)),
      prior_(std::move(prior)),
      shared_(
          DenseTensor::zeros({static_cast<std::int64_t>(prior_.own_weights.size()),
                              static_cast<std::int64_t>(n_), static_cast<std::int64_t>(stride_)})) {
  rebuild();
}

void PooledDesign::remove_arm(std::size_t arm) {
  arms_.erase(arms_.begin() + static_cast<std::ptrdiff_t>(arm));
}

const double* PooledDesign::own_covariance(std::size_t arm, std::size_t level) const {
  return arms_[arm].empty() ? nullptr : arms_[arm].data() + (1 + level) * matrix_size();
}

const double* PooledDesign::shared_covariance(std::size_t level) const {
  return shared_.data() + level * matrix_size();
}

void PooledDesign::reserve(std::size_t arm) {
  if (!arms_[arm].empty()) return;
  arms_[arm] =
      DenseTensor::zeros({static_cast<std::int64_t>(1 + levels()), static_cast<std::int64_t>(n_),
                          static_cast<std::int64_t>(stride_)});
  for (std::size_t level = 0; level < levels(); ++level) {
    double* own = arms_[arm].data() + (1 + level) * matrix_size();
    for (std::size_t i = 0; i < n_; ++i) own[i * stride_ + i] = 1 / own_precision(level, i);
  }
}

void PooledDesign::direction(std::size_t arm, std::size_t level, const double* x,
                             Direction& out) const {
  out.own.resize(stride_);
  out.precise.resize(stride_);
  out.shared.resize(stride_);
  if (const double* own = own_covariance(arm, level)) {
    symmetric_times(own, x, n_, stride_, out.own.data());
  } else {
    for (std::size_t i = 0; i < n_; ++i) out.own[i] = x[i] / own_precision(level, i);
  }
  for (std::size_t i = 0; i < n_; ++i) out.precise[i] = own_precision(level, i) * out.own[i];
  symmetric_times(shared_covariance(level), out.precise.data(), n_, stride_, out.shared.data());
  out.own_variance = dot(x, out.own.data(), n_);
  out.shared_variance = dot(out.precise.data(), out.shared.data(), n_);
}

void PooledDesign::absorb(std::size_t arm, std::size_t level, const Direction& direction,
                          double weight) {
  reserve(arm);
  add_outer(arms_[arm].data() + (1 + level) * matrix_size(), direction.own.data(),
            -weight / (1 + weight * direction.own_variance), n_, stride_);
  add_outer(shared_.data() + level * matrix_size(), direction.shared.data(),
            -weight / (1 + weight * (direction.own_variance + direction.shared_variance)), n_,
            stride_);
}

void PooledDesign::count(std::size_t arm, const double* x, double weight) {
  reserve(arm);
  add_outer(arms_[arm].data(), x, weight, n_, stride_);
}

void PooledDesign::discount(std::size_t arm, double factor) {
  DenseTensor& matrices = arms_[arm];
  for (std::size_t i = 0; !matrices.empty() && i < matrix_size(); ++i) matrices.data()[i] *= factor;
}

void PooledDesign::rebuild(double factor) {
  for (DenseTensor& arm : arms_) {
    for (std::size_t i = 0; !arm.empty() && i < matrix_size(); ++i) arm.data()[i] *= factor;
  }
  std::vector<double> precision(matrix_size()), inverse(matrix_size()), scratch(matrix_size());
  // Rows taken back can leave A a rounding error short of positive; the old inverse stands then.
  const auto replace_by_inverse = [&](double* covariance) {
    if (!invert_positive_definite(precision.data(), n_, stride_, inverse.data(), scratch.data())) {
      return;
    }
    std::copy(inverse.begin(), inverse.end(), covariance);
  };
  for (std::size_t level = 0; level < levels(); ++level) {
    for (DenseTensor& arm : arms_) {
      if (arm.empty()) continue;
      std::copy(arm.data(), arm.data() + matrix_size(), precision.begin());
      for (std::size_t i = 0; i < n_; ++i) precision[i * stride_ + i] += own_precision(level, i);
      replace_by_inverse(arm.data() + (1 + level) * matrix_size());
    }
    shared_precision(level, precision);
    replace_by_inverse(shared_.data() + level * matrix_size());
  }
}

void PooledDesign::shared_precision(std::size_t level, std::vector<double>& out) const {
  std::fill(out.begin(), out.end(), 0.0);
  for (std::size_t i = 0; i < n_; ++i) {
    out[i * stride_ + i] = i == 0 ? prior_.shared_intercept : prior_.shared_weight;
  }
  for (std::size_t arm = 0; arm < arms_.size(); ++arm) {
    const double* own = own_covariance(arm, level);
    if (own == nullptr) continue;
    for (std::size_t i = 0; i < n_; ++i) {
      const double d = own_precision(level, i);
      out[i * stride_ + i] += d;
      for (std::size_t j = 0; j < n_; ++j) {
        out[i * stride_ + j] -= d * entry(own, i, j, stride_) * own_precision(level, j);
      }
    }
  }
}

void PooledDesign::add_evidence(std::size_t arm, std::size_t level, const double* moment,
                                double factor, double* out) const {
  const double* own = own_covariance(arm, level);
  if (own == nullptr) return;
  std::vector<double> mean(stride_);
  symmetric_times(own, moment, n_, stride_, mean.data());
  for (std::size_t i = 0; i < n_; ++i) out[i] += factor * own_precision(level, i) * mean[i];
}

void PooledDesign::put(TensorArchive& archive, const std::string& name) const {
  archive.put(name + ".shared", shared_);
  for (std::size_t arm = 0; arm < arms_.size(); ++arm) {
    archive.put(name + ".arm" + std::to_string(arm), arms_[arm]);
  }
}

Status PooledDesign::take(const TensorArchive& archive, const std::string& name, std::size_t arms) {
  auto shared = archive.tensor(name + ".shared", levels() * matrix_size());
  if (!shared) return fail(shared.error());
  std::vector<DenseTensor> loaded(arms);
  for (std::size_t arm = 0; arm < arms; ++arm) {
    const std::string key = name + ".arm" + std::to_string(arm);
    auto tensor = archive.tensor(key, 0);
    if (!tensor) tensor = archive.tensor(key, (1 + levels()) * matrix_size());
    if (!tensor) return fail(tensor.error());
    loaded[arm] = std::move(*tensor);
  }
  shared_ = std::move(*shared);
  arms_ = std::move(loaded);
  return {};
}

}  // namespace yardmaster::policies
