#include "agent/evaluation/report.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "agent/print_format.h"

namespace yardmaster::agent {
namespace {

// From here on a reader must know.
constexpr double kUnsupportedTold = 0.02;
constexpr double kFewEffectiveDecisions = 100;

bool is_baseline(const PolicyValue& value) {
  return value.policy == "logged" || value.policy.starts_with("fixed:");
}

/// Shares of the models, the most chosen first.
std::vector<std::pair<std::string, double>> shares_of(const PolicyValue& value) {
  std::vector<std::pair<std::string, double>> shares(value.choices.begin(), value.choices.end());
  for (auto& [model, share] : shares) share /= static_cast<double>(value.estimate.decisions());
  std::stable_sort(shares.begin(), shares.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return shares;
}

std::string interval(const char* pattern, const Interval& interval) {
  return format(pattern, interval.mean - interval.half, interval.mean + interval.half);
}

/// What a team that lets the daemon watch wants to know before it lets it decide.
void print_observed(std::ostream& out, const PolicyValue& value) {
  const OffPolicyEstimate& estimate = value.estimate;
  const Interval quality = estimate.quality_gain();
  const Interval cost = estimate.cost_gain();
  out << "observed: in " << estimate.decisions() << " decisions the policy would have chosen";
  const char* separator = " ";
  for (const auto& [model, share] : shares_of(value)) {
    out << separator << model << format(" %.1f%%", 100 * share);
    separator = ", ";
  }
  const double served = estimate.cost_usd() - cost.mean;
  const Interval cost_of_1000{1000 * cost.mean, 1000 * cost.half};
  out << format("; against what was served: quality %+.4f (", quality.mean)
      << interval("%+.4f to %+.4f", quality) << format("), USD/1000 %+.4f (", cost_of_1000.mean)
      << interval("%+.4f to %+.4f", cost_of_1000) << ')';
  if (served > 0) out << format(", %+.1f%%", 100 * cost.mean / served);
  out << '\n';
}

/// What stands between the reader and the figures.
void print_cautions(std::ostream& out, std::span<const PolicyValue> values) {
  for (const PolicyValue& value : values) {
    const OffPolicyEstimate& estimate = value.estimate;
    if (estimate.unsupported_share() >= kUnsupportedTold) {
      out << value.policy
          << format(
                 ": the log gave %.0f%% of its choices no chance, so of them the figures are "
                 "guesses; serve a share of the traffic (share: 0.05) to find out\n",
                 100 * estimate.unsupported_share());
    } else if (estimate.effective_decisions() < kFewEffectiveDecisions) {
      out << value.policy
          << format(
                 ": too few of the logged choices are like its own (%.0f in effect); a longer log "
                 "narrows the interval\n",
                 estimate.effective_decisions());
    }
  }
}

}  // namespace

void print_values(std::ostream& out, std::span<const PolicyValue> values) {
  std::size_t width = 16;
  for (const PolicyValue& value : values) width = std::max(width, value.policy.size() + 2);
  const int name = static_cast<int>(width);
  out << format("%-*s %8s %18s %20s %8s %10s %9s %8s %10s\n", name, "policy", "reward", "95%",
                "gain over logged", "quality", "USD/1000", "last 1/4", "snips", "effective");
  bool ruled = false;
  for (const PolicyValue& value : values) {
    if (is_baseline(value) && !ruled) {
      out << std::string(width + 99, '-') << '\n';
      ruled = true;
    }
    const OffPolicyEstimate& estimate = value.estimate;
    out << format("%-*s %8.4f %18s %20s %8.4f %10.4f %9.4f %8.4f %10.0f\n", name,
                  value.policy.c_str(), estimate.reward().mean,
                  interval("%.4f to %.4f", estimate.reward()).c_str(),
                  interval("%+.4f to %+.4f", estimate.gain()).c_str(), estimate.quality(),
                  1000 * estimate.cost_usd(), estimate.last_quarter_reward(),
                  estimate.snips_reward(), estimate.effective_decisions());
  }
  for (const PolicyValue& value : values) {
    if (value.policy == kObserved) print_observed(out, value);
  }
  print_cautions(out, values);
}

boost::json::object values_json(std::span<const PolicyValue> values) {
  const auto bounds = [](const Interval& interval) {
    return boost::json::array{interval.mean - interval.half, interval.mean + interval.half};
  };
  boost::json::array results;
  for (const PolicyValue& value : values) {
    const OffPolicyEstimate& estimate = value.estimate;
    boost::json::object choices;
    for (const auto& [model, share] : shares_of(value)) choices[model] = share;
    results.push_back({{"policy", value.policy},
                       {"decisions", estimate.decisions()},
                       {"reward", estimate.reward().mean},
                       {"ci95", bounds(estimate.reward())},
                       {"gain", estimate.gain().mean},
                       {"gain_ci95", bounds(estimate.gain())},
                       {"quality", estimate.quality()},
                       {"quality_gain", estimate.quality_gain().mean},
                       {"quality_gain_ci95", bounds(estimate.quality_gain())},
                       {"cost_usd", estimate.cost_usd()},
                       {"cost_gain_usd", estimate.cost_gain().mean},
                       {"cost_gain_usd_ci95", bounds(estimate.cost_gain())},
                       {"choices", std::move(choices)},
                       {"last_quarter_reward", estimate.last_quarter_reward()},
                       {"ips_reward", estimate.ips_reward()},
                       {"snips_reward", estimate.snips_reward()},
                       {"effective_decisions", estimate.effective_decisions()},
                       {"unsupported_share", estimate.unsupported_share()}});
  }
  return {{"results", results}};
}

}  // namespace yardmaster::agent
