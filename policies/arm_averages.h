#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/training_row.h"
#include "env/observation.h"

namespace yardmaster::policies {

/// Running means of each arm's quality, cost and latency, for policies whose networks need to know
/// what an arm costs. Costs are kept in units of the arm's price reference where it is known, so
/// that a new price acts at once. Arms are numbered from 0. A value.
class ArmAverages {
 public:
  struct Expected {
    double quality = 0;
    double cost_usd = 0;
    double latency_s = 0;
  };

  /// Sums of one arm; costs in price references, or in USD while price_reference is 0.
  struct Arm {
    double quality = 0, quality_weight = 0;
    double cost = 0, cost_weight = 0;
    double latency = 0, latency_weight = 0;
    double price_reference = 0;
  };

  std::size_t size() const { return arms_.size(); }
  void add_arm() { arms_.emplace_back(); }
  void remove_arm(std::size_t arm) {
    arms_.erase(arms_.begin() + static_cast<std::ptrdiff_t>(arm));
  }

  /// Adds an outcome's values with a weight, negative to take them back.
  void add(std::size_t arm, const ArmOutcome& outcome, double weight);

  /// Multiplies all weights: forgetting.
  void decay(double factor);

  /// Means over all arms, to be made once for all candidates of a decision.
  struct Common {
    double quality = 0;     ///< over all rows
    double cost_ratio = 0;  ///< to the price reference, over the arms that have one; 0: none has
    double cost_usd = 0;    ///< over the arms that have costs; 0 without any
    double latency_s = 0;   ///< the same of latencies
  };
  Common common() const;

  /// What to expect of a candidate that is `arm`, or of one that no arm stands for. Quality is
  /// drawn to the mean over all arms as by `prior_weight` rows; a cost never seen is the
  /// candidate's own estimate, or what the others' ratios make of its price.
  Expected expected(std::optional<std::size_t> arm, const env::Candidate& candidate,
                    double prior_weight, const Common& common) const;

  const std::vector<Arm>& arms() const { return arms_; }
  void restore(std::vector<Arm> arms) { arms_ = std::move(arms); }

 private:
  std::vector<Arm> arms_;
};

}  // namespace yardmaster::policies
