#include "env/metrics.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/json_text.h"

namespace yardmaster::env {
namespace {

/// One value a judge: a later value of the same judge replaces its earlier one in place.
std::vector<std::pair<std::string_view, double>> value_of_each_judge(
    std::string_view metric, std::span<const Feedback> feedback) {
  std::vector<std::pair<std::string_view, double>> values;
  for (const Feedback& item : feedback) {
    if (item.metric != metric) continue;
    const auto known = std::find_if(values.begin(), values.end(),
                                    [&](const auto& entry) { return entry.first == item.judge; });
    if (known == values.end()) {
      values.emplace_back(item.judge, item.value);
    } else {
      known->second = item.value;
    }
  }
  return values;
}

std::optional<double> metric_value(const MetricSpec& metric, std::span<const Feedback> feedback) {
  const auto values = value_of_each_judge(metric.name, feedback);
  if (values.empty()) return std::nullopt;
  switch (metric.judges) {
    case MetricSpec::Judges::earliest:
      return values.front().second;
    case MetricSpec::Judges::mean: {
      double sum = 0;
      for (const auto& [judge, value] : values) sum += value;
      return sum / static_cast<double>(values.size());
    }
    case MetricSpec::Judges::latest:
      break;
  }
  const auto last = std::find_if(feedback.rbegin(), feedback.rend(),
                                 [&](const Feedback& item) { return item.metric == metric.name; });
  return last->value;
}

}  // namespace

Result<QualityObjective> QualityObjective::make(std::vector<MetricSpec> metrics,
                                                std::vector<MetricWeight> weights) {
  if (metrics.empty()) {
    return fail(ErrorCode::invalid_argument, "feedback.metrics is empty; declare at least one");
  }
  for (const MetricSpec& metric : metrics) {
    if (!std::isfinite(metric.max - metric.min) || metric.min >= metric.max) {
      return fail(ErrorCode::invalid_argument,
                  "metric '" + metric.name + "' has no range; its min must be below its max");
    }
  }
  if (weights.empty()) weights.push_back({metrics.front().name, 1.0});
  std::vector<Part> parts;
  double total = 0;
  for (const MetricWeight& weight : weights) {
    const auto found = std::find_if(metrics.begin(), metrics.end(), [&](const MetricSpec& metric) {
      return metric.name == weight.metric;
    });
    if (found == metrics.end()) {
      return fail(ErrorCode::invalid_argument,
                  "objective.metrics names '" + weight.metric +
                      "', which feedback.metrics does not declare; declare it there");
    }
    if (!std::isfinite(weight.weight) || weight.weight < 0) {
      return fail(ErrorCode::invalid_argument,
                  "objective.metrics gives '" + weight.metric + "' a weight that is not 0 or more");
    }
    if (weight.weight == 0) continue;
    parts.push_back({static_cast<std::size_t>(found - metrics.begin()), weight.weight});
    total += weight.weight;
  }
  if (parts.empty()) {
    return fail(ErrorCode::invalid_argument, "objective.metrics has no positive weight");
  }
  for (Part& part : parts) part.weight /= total;
  return QualityObjective(std::move(metrics), std::move(parts));
}

const MetricSpec* QualityObjective::find(std::string_view metric) const {
  for (const MetricSpec& spec : metrics_) {
    if (spec.name == metric) return &spec;
  }
  return nullptr;
}

Status QualityObjective::check(std::string_view metric, double value) const {
  const MetricSpec* spec = find(metric);
  if (spec == nullptr) {
    std::string known;
    for (const MetricSpec& each : metrics_) known += (known.empty() ? "" : ", ") + each.name;
    return fail(ErrorCode::not_found, "metric '" + std::string(metric.substr(0, 64)) +
                                          "' is not declared; the config declares: " + known);
  }
  if (!std::isfinite(value) || value < spec->min || value > spec->max) {
    return fail(ErrorCode::out_of_range, "value " + number_text(value) + " of metric '" +
                                             spec->name + "' is outside its range; send " +
                                             number_text(spec->min) + " to " +
                                             number_text(spec->max));
  }
  if (spec->type == MetricSpec::Type::boolean && value != spec->min && value != spec->max) {
    return fail(ErrorCode::out_of_range, "value " + number_text(value) + " of metric '" +
                                             spec->name + "' is not true or false");
  }
  return {};
}

std::optional<double> QualityObjective::quality(std::span<const Feedback> feedback) const {
  double quality = 0;
  for (const Part& part : parts_) {
    const MetricSpec& metric = metrics_[part.metric];
    const std::optional<double> value = metric_value(metric, feedback);
    if (!value) return std::nullopt;
    const double scaled = (*value - metric.min) / (metric.max - metric.min);
    quality += part.weight * (metric.optimize == MetricSpec::Optimize::max ? scaled : 1 - scaled);
  }
  return quality;
}

}  // namespace yardmaster::env
