#include "policies/ppo/estimates.h"

#include <algorithm>
#include <cmath>

#include "policies/ppo/gae.h"

namespace yardmaster::policies::ppo {

namespace {

constexpr double kLowEffectiveSamples = 0.1;
constexpr double kDeviationFloor = 1e-8;
constexpr double kWeightFloor = 1e-8;

}  // namespace

Estimates estimate(const Batch& batch, std::span<const Seen> seen, const Options& options,
                   Report& report) {
  const std::size_t n = batch.size();
  Estimates out;
  std::vector<double> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = seen[i].value;
  out.advantage.resize(n);
  advantages(batch.reward, values, batch.ends, options.gamma, options.lambda, out.advantage);
  out.target.resize(n);
  out.correction.resize(n);
  out.weight = batch.weight;
  out.actor_weight.resize(n);
  double sum = 0, squares = 0, count = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (i > 0 && batch.ends[i - 1] == StepEnd::truncated) {
      out.weight[i] = 0;
      continue;
    }
    const double ratio = std::exp(seen[i].log_probability - batch.behaviour_log_probability[i]);
    out.target[i] = out.advantage[i] + values[i];
    out.correction[i] = std::min(ratio, options.ratio_cap) * (out.advantage[i] - seen[i].expected);
    const bool usable = ratio >= options.ratio_low && ratio <= options.ratio_high;
    report.off_policy += usable ? 0 : 1;
    out.actor_weight[i] = usable ? out.weight[i] : 0;
    const double counted = std::min(ratio, options.ratio_high);
    sum += counted;
    squares += counted * counted;
    ++count;
  }
  report.effective_samples = squares > 0 ? sum * sum / (squares * count) : 0;
  report.actor_skipped = !(report.effective_samples >= kLowEffectiveSamples);
  if (report.actor_skipped) out.actor_weight.assign(n, 0);
  return out;
}

Scales scales_of(const Estimates& estimates, std::span<const std::int64_t> samples) {
  double weight = 0, actor_weight = 0, sum = 0, squares = 0, counted = 0;
  for (const std::int64_t sample : samples) {
    const auto i = static_cast<std::size_t>(sample);
    const double share = estimates.actor_weight[i], advantage = estimates.advantage[i];
    weight += estimates.weight[i];
    actor_weight += share;
    sum += share * advantage;
    squares += share * advantage * advantage;
    counted += share > 0 ? 1 : 0;
  }
  Scales out{1, std::max(weight, kWeightFloor), std::max(actor_weight, kWeightFloor)};
  if (counted >= 2) {
    const double mean = sum / out.actor_weight;
    const double variance = squares / out.actor_weight - mean * mean;
    out.advantage = std::sqrt(std::max(0.0, variance)) + kDeviationFloor;
  }
  return out;
}

}  // namespace yardmaster::policies::ppo
