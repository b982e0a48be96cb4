#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/training_row.h"
#include "env/model_traits.h"
#include "policies/change_detector.h"
#include "policies/linear_view.h"
#include "policies/pooled_design.h"

namespace yardmaster::policies {

struct LinearOptions {
  std::size_t dimension = 0;       ///< of the features, without the intercept
  double half_life_decisions = 0;  ///< 0: never forget
  /// Age of an arm, in decisions, at which choices explore half of what the context adds to the
  /// variance that they would explore of a new one; 0: always all of it. So it is, too, while the
  /// evidence has the arms' own weights larger than LinearPrior::default_level says: what is
  /// best then differs from query to query, and there is much to learn of it.
  double context_fading_decisions = 0;
  LinearPrior prior;
  /// What tells the arms apart before they have rows. Other traits than those of a saved state
  /// change what is made of its rows from then on, but not the state's fit.
  env::ModelTraits traits;
  /// Rows after which covariances are computed afresh from the sums, so that rounding errors
  /// cannot grow. Costs arms x levels x n^3 operations a time.
  std::uint64_t rebuild_rows = 4096;
};

/// Bayesian linear regression of quality, cost and latency on features, for arms that share a
/// part (PooledDesign has the formulas). Heads whose rows agree share one design; a row that has
/// one head's value and not another's parts them.
///
/// The noise variance of each head is conjugate (inverse gamma); each design takes the prior
/// precision of the arms' own weights from a grid, by the cumulative predictive log-likelihood
/// (Student t) of each next value of its first head. Until the evidence speaks, deviations come
/// from a weaker prior than means: what could be is explored. Costs and latencies are learned as
/// ratios to the arm's own mean, costs in units of the price reference where it is known, so that
/// arms whose prices differ a hundredfold share what makes a query long.
///
/// A cost or latency far above its arm's mean is taken for at most 30 times that mean.
///
/// An observation weighs 2^(-age / half-life), age in decisions. Between rebuilds the weights of
/// new rows grow instead of those of old ones shrinking, which is the same but for the prior.
///
/// A model whose quality, cost or latency changes silently is noticed by a ChangeDetector for each
/// head of each arm: the arm's evidence then shrinks to the weight of a few dozen rows, moved to
/// the mean since the change, so that it is explored again and soon known as it now is. Rows with
/// every model's outcome are history, in any order, and are not watched.
///
/// A function of options and rows in their order. Not thread-safe.
class LinearModel {
 public:
  explicit LinearModel(const LinearOptions& options);

  LinearModel(const LinearModel&) = delete;
  LinearModel& operator=(const LinearModel&) = delete;

  /// As Learner::learn.
  Status learn(const TrainingRow& row);

  void add_arm(std::string_view model);
  void remove_arm(std::string_view model);
  const std::vector<std::string>& arms() const { return names_; }

  /// As Learner::take_changes.
  std::vector<NoticedChange> take_changes() { return std::exchange(changes_, {}); }

  /// The serving side of the present state; valid until the next non-const call.
  const LinearView& view() const { return view_; }

  Status save(std::ostream& out) const;
  Status load(std::istream& in);

 private:
  /// One head's sums for one arm.
  struct ArmHead {
    DenseTensor moment;    ///< sum of w x y; empty without rows
    double scale_sum = 0;  ///< sum of w y and of w: the arm's mean value
    double scale_weight = 0;
    ChangeDetector detector;
  };

  struct Arm {
    std::array<ArmHead, kHeads> heads;
    double price_reference = 0;
    std::uint64_t born = 0;  ///< the decision at which it was new, or changed
  };

  /// Noise and fit of one head at one level: inverse gamma (shape, rate), log-likelihood.
  struct Evidence {
    double shape = 0;
    double rate = 0;
    double log_likelihood = 0;
  };

  struct HeadState {
    std::size_t design = 0;
    std::uint64_t rows = 0;
    std::vector<DenseTensor> shared_mean;  ///< a level each
    std::vector<Evidence> evidence;        ///< a level each
  };

  using Values = std::array<std::optional<double>, kHeads>;
  using HeadMask = std::array<bool, kHeads>;

  void learn_outcome(const ArmOutcome& outcome, const ArmOutcome* replaced, double weight);
  Values values(const Arm& arm, const ArmOutcome& outcome) const;
  Values bounded(std::size_t arm, Values values) const;
  void set_price_reference(Arm& arm, double price_reference);
  void add_rows(std::size_t arm, const HeadMask& heads, const Values& values, double weight);
  void add_row(std::size_t arm, std::size_t design, const HeadMask& heads, const Values& values,
               double weight);
  void watch(std::size_t arm, Head head, double residual, double deviation);
  void forget_before_change(std::size_t arm, Head head);
  void shift_value(std::size_t arm, Head head, double change, double weight);
  void part_design(std::size_t design, const HeadMask& heads);

  double scale(std::size_t arm, Head head) const;
  static double scale_among(const ArmHead& sums, double others);
  double unseen_scale(Head head, bool priced) const;
  double clock_weight(std::uint64_t decision_sequence) const;
  void advance_clock(std::uint64_t decision_sequence);
  void rebuild();
  void rebuild_shared_means();
  const HeadState& leading_head(std::size_t design) const;
  std::size_t chosen_level(std::size_t design) const;
  std::size_t explored_level(std::size_t design, std::size_t chosen) const;
  void refresh_view();
  void reset();
  PooledDesign::Traits traits_of_arms() const;
  void use_traits();
  void change_prior(const LinearPrior& before);
  Status restore(const TensorArchive& archive);
  Status restore_arms(const TensorArchive& archive, PooledDesign::Traits& traits,
                      const std::function<double()>& next);
  std::size_t arm_index(std::string_view model) const;

  LinearOptions options_;
  std::size_t n_;
  std::size_t stride_;
  std::vector<std::string> names_;
  std::vector<Arm> arms_;
  std::vector<PooledDesign> designs_;
  std::array<HeadState, kHeads> heads_;
  std::uint64_t clock_ = 0;      ///< the newest decision learned from
  std::uint64_t reference_ = 0;  ///< the decision at which a row weighs 1
  std::uint64_t rows_since_rebuild_ = 0;
  bool watching_ = false;  ///< the row being learned is a decision's, not history
  std::optional<std::pair<std::size_t, Head>> changed_;  ///< by the row being learned
  std::vector<NoticedChange> changes_;                   ///< not taken yet

  LinearView view_;
  std::vector<double> x_;
  PooledDesign::Direction direction_;
};

}  // namespace yardmaster::policies
