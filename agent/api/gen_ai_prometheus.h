#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "agent/api/services.h"

namespace yardmaster::agent {

/// Appends the metrics of OpenTelemetry's conventions (GenAiMetrics), in Prometheus' form of their
/// names. What never happened is left out. Any thread.
void add_gen_ai_families(const Services& services, std::vector<prometheus::MetricFamily>& families);

}  // namespace yardmaster::agent
