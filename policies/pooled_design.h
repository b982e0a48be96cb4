#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "policies/dense_tensor.h"
#include "policies/kernels.h"

namespace yardmaster::policies {

/// How strongly weights are held to their mean before data, as precisions in units of the noise
/// precision. Sizes assume features of squared norm about 1 (env::Encoder).
struct LinearPrior {
  double shared_intercept = 0.01;  ///< what all arms have in common: nearly free
  double shared_weight = 1;        ///< difficulty of a query, common to all arms
  double own_intercept = 3;        ///< how far an arm's mean lies from the others'
  double trait = 10;               ///< how far a trait of 1 moves an arm's mean
  /// How far an arm's context weights lie from the shared ones: a grid, from which each head
  /// takes the level under which its rewards were most likely.
  std::vector<double> own_weights = {0.15, 1, 6, 40, 320};
  std::size_t default_level = 2;  ///< of the grid, where evidence says nothing
  /// Log-likelihood that a level must be ahead for each step from the default: the evidence of
  /// the first rows is mostly noise.
  double evidence_per_step = 1;
};

/// The covariance half of a Bayesian linear model in which each arm's weights are
/// `shared + own`: y = x'(shared + own_arm) + noise, x with a leading 1.
///
/// Given the shared weights the arms are independent, so the exact joint posterior over
/// (arms + 1) * n weights fits in one n x n matrix an arm and one for the shared part, and a row
/// costs O(n^2): with A_arm = sum of w x x', D = diag(own precisions),
///   P_arm = (A_arm + D)^-1                    covariance of the arm's weights, shared part known
///   S^-1  = shared precisions + sum over arms of (D - D P_arm D)
/// (Schur complement of the arms' block; Lindley and Smith 1972 give the model). Both are kept by
/// Sherman-Morrison, and rebuilt from A_arm by Cholesky with `rebuild`. All of it once for each
/// level of own_weights.
///
/// An arm's traits t move its mean: y = x'(shared + own_arm) + t'effects + noise. The effects are
/// the last entries of the shared weights; as x leads with 1, all above stays as it is once a
/// vector v of an arm is lifted to (v, v_0 t) wherever it meets the shared weights. So what is
/// expected of an arm without rows is a regression on the traits of those that have some.
///
/// Not thread-safe.
class PooledDesign {
 public:
  /// One vector of traits an arm, all of one length.
  using Traits = std::vector<std::vector<double>>;

  PooledDesign(std::size_t n, std::size_t traits, LinearPrior prior);

  std::size_t n() const { return n_; }
  std::size_t stride() const { return stride_; }
  std::size_t shared_n() const { return shared_n_; }  ///< n() and the number of traits
  std::size_t shared_stride() const { return shared_stride_; }
  std::size_t levels() const { return prior_.own_weights.size(); }
  std::size_t arms() const { return arms_.size(); }
  const LinearPrior& prior() const { return prior_; }

  void add_arm(std::span<const double> traits);
  void remove_arm(std::size_t arm);  ///< call rebuild() afterwards

  /// Other traits, perhaps of another number, for the same arms; rebuilds.
  void set_traits(std::size_t count, Traits traits);
  const Traits& traits() const { return traits_; }

  /// P_arm at a level, n() rows of stride() doubles; nullptr for an arm without rows: it is the
  /// inverse of D then. S at a level, shared_n() rows of shared_stride().
  const double* own_covariance(std::size_t arm, std::size_t level) const;
  const double* shared_covariance(std::size_t level) const;

  /// A: the sum of w x x' over the arm's rows; nullptr without rows.
  const double* counts(std::size_t arm) const {
    return arms_[arm].empty() ? nullptr : arms_[arm].data();
  }

  /// What a row of `arm` with features `x` would move, in units of the noise.
  struct Direction {
    std::vector<double> own;      ///< P_arm x
    std::vector<double> precise;  ///< D P_arm x, lifted: how the shared weights show in the row
    std::vector<double> shared;   ///< S times it: how the row shows in the shared weights
    double own_variance = 0;      ///< x' P_arm x
    double shared_variance = 0;   ///< precise' S precise
  };

  void direction(std::size_t arm, std::size_t level, const double* x, Direction& out) const;

  /// Gives a row's direction as it was before the row, and adds the row with a weight, negative to
  /// take one back, to P and S.
  void absorb(std::size_t arm, std::size_t level, const double* x, double weight, Direction& out);

  /// Adds it to A. Call once a row, after absorb() at each level.
  void count(std::size_t arm, const double* x, double weight);

  /// Multiplies one arm's A by a factor; call rebuild() afterwards.
  void discount(std::size_t arm, double factor);

  /// Multiplies all of A by a factor, then rebuilds: forgetting.
  void rebuild(double factor = 1);

  /// out += D P_arm moment, lifted, the arm's part of the equation for the shared weights.
  void add_evidence(std::size_t arm, std::size_t level, const double* moment, double factor,
                    double* out) const;

  void put(TensorArchive& archive, const std::string& name) const;
  /// `traits` are those that the archive was made with.
  Status take(const TensorArchive& archive, const std::string& name, Traits traits);

 private:
  void reserve(std::size_t arm);
  void own_direction(std::size_t arm, std::size_t level, const double* x, Direction& out) const;
  void shared_direction(std::size_t level, Direction& out) const;
  void shared_precision(std::size_t level, std::vector<double>& out) const;
  double own_precision(std::size_t level, std::size_t i) const {
    return i == 0 ? prior_.own_intercept : prior_.own_weights[level];
  }
  void lift(std::size_t arm, double* vector) const;
  std::size_t matrix_size() const { return n_ * stride_; }
  std::size_t shared_size() const { return shared_n_ * shared_stride_; }

  std::size_t n_;
  std::size_t stride_;
  std::size_t shared_n_;
  std::size_t shared_stride_;
  LinearPrior prior_;
  Traits traits_;
  std::vector<DenseTensor> arms_;  ///< A, then P for each level; empty while the arm has no rows
  DenseTensor shared_;             ///< S for each level
};

}  // namespace yardmaster::policies
