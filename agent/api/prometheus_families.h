#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "agent/api/services.h"

/// What the files that make /metrics have in common.
namespace yardmaster::agent {

using Labels = std::vector<prometheus::ClientMetric::Label>;

inline prometheus::ClientMetric counter(double value, Labels labels = {}) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  metric.counter.value = value;
  return metric;
}

inline prometheus::ClientMetric gauge(double value, Labels labels = {}) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = value;
  return metric;
}

/// Adds up one duration histogram over all io threads.
template <class Pick>
prometheus::ClientMetric histogram(const Services& services, Labels labels, const Pick& pick) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  std::uint64_t cumulative = 0;
  for (std::size_t bucket = 0; bucket < DurationHistogram::kBuckets; ++bucket) {
    for (const ServingMetrics* thread : services.metrics) cumulative += pick(*thread).count(bucket);
    metric.histogram.bucket.push_back({cumulative, DurationHistogram::upper_bound_s(bucket)});
  }
  metric.histogram.bucket.back().upper_bound = std::numeric_limits<double>::infinity();
  metric.histogram.sample_count = cumulative;
  for (const ServingMetrics* thread : services.metrics) {
    metric.histogram.sample_sum += pick(*thread).sum_s();
  }
  return metric;
}

/// The same of one counter.
template <class Pick>
double total(const Services& services, const Pick& pick) {
  std::uint64_t sum = 0;
  for (const ServingMetrics* thread : services.metrics) sum += pick(*thread).value();
  return static_cast<double>(sum);
}

inline prometheus::MetricFamily family(std::string name, std::string help,
                                       prometheus::MetricType type,
                                       std::vector<prometheus::ClientMetric> metrics) {
  return {"yardmaster_" + std::move(name), std::move(help), type, std::move(metrics)};
}

}  // namespace yardmaster::agent
