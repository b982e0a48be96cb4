#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "env/observation.h"
#include "policies/policy.h"

namespace yardmaster::policies {

/// What a linear model predicts of an arm, each with a posterior of its own.
enum Head : std::size_t { kQuality, kCost, kLatency };
inline constexpr std::size_t kHeads = 3;
inline constexpr std::array<std::string_view, kHeads> kHeadNames{"quality", "cost_usd",
                                                                 "latency_s"};

/// The serving side of a linear model: pointers to what a score needs, at the level that each
/// head has chosen. They lead into the model's tensors (live) or into `storage` (a snapshot).
/// Const methods may be called from any thread while what it points to stands still.
struct LinearView {
  struct HeadView {
    bool learned = false;                       ///< has rows; without, the head predicts 0
    const double* shared_mean = nullptr;        ///< n values, then the effects of traits
    const double* shared_covariance = nullptr;  ///< (n + traits) x shared_stride
    double own_intercept = 1;                   ///< prior precisions at the head's level
    double own_weight = 1;
    double explored_weight = 1;  ///< the same at the level that choices explore
    double explored_noise_variance = 0;
    double context_fading = 0;  ///< decisions, as LinearOptions::context_fading_decisions; 0: none
    double noise_variance = 0;  ///< of the head's scaled values
    double unseen_scale_priced = 0;  ///< scale of an arm without rows, in price references
    double unseen_scale_usd = 0;     ///< and in USD (latency: in seconds, here)
  };

  struct ArmHeadView {
    const double* own_covariance = nullptr;       ///< n x stride; nullptr: the prior's
    const double* explored_covariance = nullptr;  ///< at the level that choices explore
    const double* moment = nullptr;               ///< sum of w x y; nullptr: no rows
    const double* mean_weights = nullptr;  ///< of a snapshot: their product with x is the mean
    double scale = 1;                      ///< the arm's unit: predictions are scale times ratio
  };

  struct ArmView {
    std::array<ArmHeadView, kHeads> heads;
    const double* traits = nullptr;
    double price_reference = 0;  ///< last seen; 0: its costs are in USD
    double born = 0;             ///< the decision at which it was new, or changed
  };

  std::size_t dimension = 0;  ///< of the features, without the intercept
  std::size_t traits = 0;     ///< of an arm
  std::size_t stride = 0;
  std::size_t shared_stride = 0;
  double longest_age = 0;  ///< of an arm, in decisions: older evidence is forgotten; 0: none is
  std::array<HeadView, kHeads> heads;
  std::vector<ArmView> arms;
  std::vector<double> storage;       ///< of a snapshot
  std::vector<double> mean_storage;  ///< the same, of mean_weights

  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>{}(name);
    }
  };
  std::unordered_map<std::string, std::size_t, NameHash, std::equal_to<>> index;

  /// Scores each candidate. With `full_deviation` also the deviations of quality and reward, at
  /// several times the price; choices do not need them.
  /// Fails with invalid_argument on features of another size or not finite, on no candidates.
  Status score(const env::Observation& observation, bool full_deviation,
               std::span<Score> scores) const;

  /// A flat copy that stands alone: everything pointed to, in one block. Move it, do not copy it.
  LinearView copy() const;

 private:
  void add_mean_weights();
};

/// Whether a model is to be explored anew, for what it costs is another thing than it was. Price
/// references of 0 are not known.
inline bool price_changed(double before, double now) {
  return before > 0 && now > 0 && std::abs(now - before) > 0.1 * before;
}

/// Bound on the norm of features; longer ones are shortened to it, so that no single row can
/// outweigh a thousand others or overflow.
inline constexpr double kFeatureNormBound = 30;

/// Writes 1, the features (shortened where needed) and the padding's zeros: `out` has padded(1 +
/// features) entries. Fails with invalid_argument on a value that is not finite.
Status augment(std::span<const float> features, std::span<double> out);

}  // namespace yardmaster::policies
