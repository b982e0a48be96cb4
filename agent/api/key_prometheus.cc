#include "agent/api/key_prometheus.h"

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace yardmaster::agent {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

/// One counter of each key; those of one name differ in a label, and follow each other.
struct Figure {
  std::string_view name;
  std::string_view help;
  std::pair<std::string_view, std::string_view> label;  ///< empty: none
  double (*value)(const KeyUsage& usage);
};

double whole(std::uint64_t count) { return static_cast<double>(count); }

constexpr std::string_view kRefused = "Calls answered with 429 for a limit of the key's.";
constexpr std::string_view kTokens = "Tokens of calls, as their outcomes tell.";

constexpr std::array<Figure, 7> kFigures{{
    {"requests_total",
     "Calls that asked models, the refused among them, by API key.",
     {},
     [](const KeyUsage& usage) { return whole(usage.requests); }},
    {"refused_total",
     kRefused,
     {"limit", "minute"},
     [](const KeyUsage& usage) { return whole(usage.rate_limited); }},
    {"refused_total",
     kRefused,
     {"limit", "day"},
     [](const KeyUsage& usage) { return whole(usage.over_budget); }},
    {"tokens_total",
     kTokens,
     {"type", "input"},
     [](const KeyUsage& usage) { return whole(usage.input_tokens); }},
    {"tokens_total",
     kTokens,
     {"type", "output"},
     [](const KeyUsage& usage) { return whole(usage.output_tokens); }},
    {"cost_usd_total",
     "Cost of calls, as their outcomes tell, else as it was expected.",
     {},
     [](const KeyUsage& usage) { return usage.cost_usd; }},
    {"feedback_total",
     "Values of feedback stored, by API key.",
     {},
     [](const KeyUsage& usage) { return whole(usage.feedback_stored); }},
}};

/// In the order of names, which new keys do not upset but for their own place.
std::vector<std::pair<std::string, KeyUsage>> bounded(std::map<std::string, KeyUsage> usage) {
  std::vector<std::pair<std::string, KeyUsage>> out;
  for (auto& [name, used] : usage) {
    if (out.size() <= kMostKeysInMetrics) {
      const bool stands_alone = out.size() < kMostKeysInMetrics;
      out.emplace_back(stands_alone ? name : "(others)", used);
    } else {
      out.back().second += used;
    }
  }
  return out;
}

}  // namespace

void add_key_families(const Keyring& keys, std::vector<MetricFamily>& families) {
  const auto usage = bounded(keys.usage_by_key());
  if (usage.empty()) return;
  std::string_view last;
  for (const Figure& figure : kFigures) {
    if (std::exchange(last, figure.name) != figure.name) {
      families.push_back({"yardmaster_key_" + std::string(figure.name),
                          std::string(figure.help),
                          prometheus::MetricType::Counter,
                          {}});
    }
    for (const auto& [name, used] : usage) {
      ClientMetric metric;
      metric.label.push_back({"key", name});
      if (!figure.label.first.empty()) {
        metric.label.push_back({std::string(figure.label.first), std::string(figure.label.second)});
      }
      metric.counter.value = figure.value(used);
      families.back().metric.push_back(std::move(metric));
    }
  }
}

}  // namespace yardmaster::agent
