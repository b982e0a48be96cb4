#include "agent/evaluation/off_policy.h"

#include <cmath>
#include <numeric>

namespace yardmaster::agent {
namespace {

constexpr double kNormal95 = 1.96;

double mean_of(std::span<const double> values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Interval interval_of(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  const double mean = mean_of(values);
  if (values.size() < 2) return {mean, 0};
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, kNormal95 * std::sqrt(squares / (n - 1) / n)};
}

}  // namespace

void OffPolicyEstimate::add(const OffPolicySample& sample) {
  const std::size_t chosen = sample.chosen;
  const double weight = sample.target[chosen] / sample.propensity[chosen];
  const Worth& expected = sample.expected[chosen];
  Worth term{weight * (sample.seen.reward - expected.reward),
             weight * (sample.seen.quality - expected.quality),
             weight * (sample.seen.cost_usd - expected.cost_usd)};
  for (std::size_t i = 0; i < sample.target.size(); ++i) {
    term.reward += sample.target[i] * sample.expected[i].reward;
    term.quality += sample.target[i] * sample.expected[i].quality;
    term.cost_usd += sample.target[i] * sample.expected[i].cost_usd;
    if (!(sample.propensity[i] > 0)) unsupported_ += sample.target[i];
  }
  rewards_.push_back(term.reward);
  gains_.push_back(term.reward - sample.seen.reward);
  quality_gains_.push_back(term.quality - sample.seen.quality);
  cost_gains_.push_back(term.cost_usd - sample.seen.cost_usd);
  quality_ += term.quality;
  cost_usd_ += term.cost_usd;
  weights_ += weight;
  squared_weights_ += weight * weight;
  weighted_rewards_ += weight * sample.seen.reward;
}

Interval OffPolicyEstimate::reward() const { return interval_of(rewards_); }

Interval OffPolicyEstimate::gain() const { return interval_of(gains_); }

Interval OffPolicyEstimate::quality_gain() const { return interval_of(quality_gains_); }

Interval OffPolicyEstimate::cost_gain() const { return interval_of(cost_gains_); }

double OffPolicyEstimate::last_quarter_reward() const {
  return mean_of(std::span(rewards_).subspan(rewards_.size() - rewards_.size() / 4));
}

double OffPolicyEstimate::mean(double sum) const {
  return rewards_.empty() ? 0 : sum / static_cast<double>(rewards_.size());
}

double OffPolicyEstimate::quality() const { return mean(quality_); }

double OffPolicyEstimate::cost_usd() const { return mean(cost_usd_); }

double OffPolicyEstimate::ips_reward() const { return mean(weighted_rewards_); }

double OffPolicyEstimate::snips_reward() const {
  return weights_ > 0 ? weighted_rewards_ / weights_ : 0;
}

double OffPolicyEstimate::effective_decisions() const {
  return squared_weights_ > 0 ? weights_ * weights_ / squared_weights_ : 0;
}

double OffPolicyEstimate::unsupported_share() const { return mean(unsupported_); }

}  // namespace yardmaster::agent
