#include "policies/arm_averages.h"

#include <algorithm>

namespace yardmaster::policies {

namespace {

// Weights come and go as sums of doubles: below this nothing is left of a row.
constexpr double kNoWeight = 1e-9;

}  // namespace

void ArmAverages::add(std::size_t index, const ArmOutcome& outcome, double weight) {
  Arm& arm = arms_[index];
  if (outcome.price_reference > 0) {
    if (arm.price_reference <= 0) arm.cost /= outcome.price_reference;
    arm.price_reference = outcome.price_reference;
  }
  const auto count = [&](const std::optional<double>& value, double unit, double& sum,
                         double& weights) {
    if (!value) return;
    sum += weight * *value / unit;
    weights += weight;
    if (weights <= kNoWeight) sum = weights = 0;
  };
  const double unit = outcome.price_reference > 0 ? outcome.price_reference
                      : arm.price_reference > 0   ? arm.price_reference
                                                  : 1;
  count(outcome.quality, 1, arm.quality, arm.quality_weight);
  count(outcome.cost_usd, unit, arm.cost, arm.cost_weight);
  count(outcome.latency_s, 1, arm.latency, arm.latency_weight);
}

void ArmAverages::decay(double factor) {
  for (Arm& arm : arms_) {
    for (double* value : {&arm.quality, &arm.quality_weight, &arm.cost, &arm.cost_weight,
                          &arm.latency, &arm.latency_weight}) {
      *value *= factor;
    }
  }
}

ArmAverages::Common ArmAverages::common() const {
  double quality = 0, quality_weight = 0, ratio = 0, priced = 0, cost = 0, costed = 0, latency = 0,
         timed = 0;
  for (const Arm& arm : arms_) {
    quality += arm.quality;
    quality_weight += arm.quality_weight;
    if (arm.cost_weight > 0) {
      const double mean = arm.cost / arm.cost_weight;
      const bool has_price = arm.price_reference > 0;
      cost += mean * (has_price ? arm.price_reference : 1);
      ++costed;
      ratio += has_price ? mean : 0;
      priced += has_price ? 1 : 0;
    }
    if (arm.latency_weight > 0) {
      latency += arm.latency / arm.latency_weight;
      ++timed;
    }
  }
  const auto mean = [](double sum, double count) {
    return count > 0 ? std::max(0.0, sum / count) : 0;
  };
  return {(quality + 0.5) / (quality_weight + 1), mean(ratio, priced), mean(cost, costed),
          mean(latency, timed)};
}

ArmAverages::Expected ArmAverages::expected(std::optional<std::size_t> index,
                                            const env::Candidate& candidate, double prior_weight,
                                            const Common& common) const {
  Expected out{common.quality, 0, common.latency_s};
  const Arm* arm = index ? &arms_[*index] : nullptr;
  if (arm != nullptr) {
    out.quality =
        (arm->quality + prior_weight * common.quality) / (arm->quality_weight + prior_weight);
    if (arm->latency_weight > 0) out.latency_s = arm->latency / arm->latency_weight;
  }
  if (arm != nullptr && arm->cost_weight > 0) {
    const double unit = arm->price_reference <= 0       ? 1
                        : candidate.price_reference > 0 ? candidate.price_reference
                                                        : arm->price_reference;
    out.cost_usd = unit * arm->cost / arm->cost_weight;
  } else if (candidate.estimated_cost_usd > 0) {
    out.cost_usd = candidate.estimated_cost_usd;
  } else if (candidate.price_reference > 0 && common.cost_ratio > 0) {
    out.cost_usd = candidate.price_reference * common.cost_ratio;
  } else {
    out.cost_usd = common.cost_usd;
  }
  out.cost_usd = std::max(0.0, out.cost_usd);
  out.latency_s = std::max(0.0, out.latency_s);
  return out;
}

}  // namespace yardmaster::policies
