#include "policies/pooled_design.h"

#include <algorithm>
#include <string>

namespace yardmaster::policies {

PooledDesign::PooledDesign(std::size_t n, std::size_t traits, LinearPrior prior)
    : n_(n), stride_(padded(n)), prior_(std::move(prior)) {
  set_traits(traits, {});
}

void PooledDesign::set_traits(std::size_t count, Traits traits) {
  shared_n_ = n_ + count;
  shared_stride_ = padded(shared_n_);
  traits_ = std::move(traits);
  shared_ =
      DenseTensor::zeros({static_cast<std::int64_t>(levels()), static_cast<std::int64_t>(shared_n_),
                          static_cast<std::int64_t>(shared_stride_)});
  rebuild();
}

void PooledDesign::add_arm(std::span<const double> traits) {
  arms_.emplace_back();
  traits_.emplace_back(traits.begin(), traits.end());
}

void PooledDesign::remove_arm(std::size_t arm) {
  arms_.erase(arms_.begin() + static_cast<std::ptrdiff_t>(arm));
  traits_.erase(traits_.begin() + static_cast<std::ptrdiff_t>(arm));
}

/// Appends v_0 t to the n entries of an arm's vector v.
void PooledDesign::lift(std::size_t arm, double* vector) const {
  const std::vector<double>& traits = traits_[arm];
  for (std::size_t i = 0; i < traits.size(); ++i) vector[n_ + i] = vector[0] * traits[i];
}

const double* PooledDesign::own_covariance(std::size_t arm, std::size_t level) const {
  return arms_[arm].empty() ? nullptr : arms_[arm].data() + (1 + level) * matrix_size();
}

const double* PooledDesign::shared_covariance(std::size_t level) const {
  return shared_.data() + level * shared_size();
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
  own_direction(arm, level, x, out);
  shared_direction(level, out);
}

void PooledDesign::own_direction(std::size_t arm, std::size_t level, const double* x,
                                 Direction& out) const {
  out.own.resize(stride_);
  out.precise.resize(shared_stride_);
  if (const double* own = own_covariance(arm, level)) {
    symmetric_times(own, x, n_, stride_, out.own.data());
  } else {
    for (std::size_t i = 0; i < n_; ++i) out.own[i] = x[i] / own_precision(level, i);
  }
  for (std::size_t i = 0; i < n_; ++i) out.precise[i] = own_precision(level, i) * out.own[i];
  lift(arm, out.precise.data());
  out.own_variance = dot(x, out.own.data(), n_);
}

void PooledDesign::shared_direction(std::size_t level, Direction& out) const {
  out.shared.resize(shared_stride_);
  symmetric_times(shared_covariance(level), out.precise.data(), shared_n_, shared_stride_,
                  out.shared.data());
  out.shared_variance = dot(out.precise.data(), out.shared.data(), shared_n_);
}

// Each matrix is moved while the cache still has it from its product.
void PooledDesign::absorb(std::size_t arm, std::size_t level, const double* x, double weight,
                          Direction& out) {
  reserve(arm);
  own_direction(arm, level, x, out);
  add_outer(arms_[arm].data() + (1 + level) * matrix_size(), out.own.data(),
            -weight / (1 + weight * out.own_variance), n_, stride_);
  shared_direction(level, out);
  add_outer(shared_.data() + level * shared_size(), out.shared.data(),
            -weight / (1 + weight * (out.own_variance + out.shared_variance)), shared_n_,
            shared_stride_);
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
  std::vector<double> precision(shared_size()), scratch(shared_size());
  // Rows taken back can leave A a rounding error short of positive; the old inverse stands then.
  const auto replace_by_inverse = [&](double* covariance, std::size_t n, std::size_t stride) {
    (void)invert_positive_definite(precision.data(), n, stride, covariance, scratch.data());
  };
  for (std::size_t level = 0; level < levels(); ++level) {
    for (DenseTensor& arm : arms_) {
      if (arm.empty()) continue;
      std::copy(arm.data(), arm.data() + matrix_size(), precision.begin());
      for (std::size_t i = 0; i < n_; ++i) precision[i * stride_ + i] += own_precision(level, i);
      replace_by_inverse(arm.data() + (1 + level) * matrix_size(), n_, stride_);
    }
    shared_precision(level, precision);
    replace_by_inverse(shared_.data() + level * shared_size(), shared_n_, shared_stride_);
  }
}

void PooledDesign::shared_precision(std::size_t level, std::vector<double>& out) const {
  std::fill(out.begin(), out.end(), 0.0);
  const auto at = [&](std::size_t i, std::size_t j) -> double& {
    return out[i * shared_stride_ + j];
  };
  for (std::size_t i = 0; i < shared_n_; ++i) {
    at(i, i) = i == 0 ? prior_.shared_intercept : i < n_ ? prior_.shared_weight : prior_.trait;
  }
  std::vector<double> column(shared_stride_);
  for (std::size_t arm = 0; arm < arms_.size(); ++arm) {
    const double* own = own_covariance(arm, level);
    if (own == nullptr) continue;
    for (std::size_t j = 0; j < n_; ++j) {
      const double d = own_precision(level, j);
      for (std::size_t i = 0; i < n_; ++i) {
        column[i] = (i == j ? d : 0) - own_precision(level, i) * entry(own, i, j, stride_) * d;
      }
      lift(arm, column.data());
      for (std::size_t i = 0; i < shared_n_; ++i) {
        at(i, j) += column[i];
        if (i >= n_) at(j, i) += column[i];
      }
      // The first column is what the traits see of the others.
      for (std::size_t k = 0; j == 0 && k < traits_[arm].size(); ++k) {
        for (std::size_t i = n_; i < shared_n_; ++i) at(i, n_ + k) += column[i] * traits_[arm][k];
      }
    }
  }
}

void PooledDesign::add_evidence(std::size_t arm, std::size_t level, const double* moment,
                                double factor, double* out) const {
  const double* own = own_covariance(arm, level);
  if (own == nullptr) return;
  std::vector<double> mean(shared_stride_);
  symmetric_times(own, moment, n_, stride_, mean.data());
  for (std::size_t i = 0; i < n_; ++i) mean[i] *= factor * own_precision(level, i);
  lift(arm, mean.data());
  for (std::size_t i = 0; i < shared_n_; ++i) out[i] += mean[i];
}

void PooledDesign::put(TensorArchive& archive, const std::string& name) const {
  archive.put(name + ".shared", shared_);
  for (std::size_t arm = 0; arm < arms_.size(); ++arm) {
    archive.put(name + ".arm" + std::to_string(arm), arms_[arm]);
  }
}

Status PooledDesign::take(const TensorArchive& archive, const std::string& name, Traits traits) {
  auto shared = archive.tensor(name + ".shared", levels() * shared_size());
  if (!shared) return fail(shared.error());
  std::vector<DenseTensor> loaded(traits.size());
  for (std::size_t arm = 0; arm < traits.size(); ++arm) {
    const std::string key = name + ".arm" + std::to_string(arm);
    auto tensor = archive.tensor(key, 0);
    if (!tensor) tensor = archive.tensor(key, (1 + levels()) * matrix_size());
    if (!tensor) return fail(tensor.error());
    loaded[arm] = std::move(*tensor);
  }
  shared_ = std::move(*shared);
  arms_ = std::move(loaded);
  traits_ = std::move(traits);
  return {};
}

}  // namespace yardmaster::policies
