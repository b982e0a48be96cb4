#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "agent/api/services.h"

namespace yardmaster::agent {

/// Appends what is counted of each model, labelled with it. Any thread.
void add_model_families(const Services& services, std::vector<prometheus::MetricFamily>& families);

}  // namespace yardmaster::agent
