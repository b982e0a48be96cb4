#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "agent/keys/keyring.h"

namespace yardmaster::agent {

/// The most keys that have metrics of their own. The others, the last by name, are one, "(others)".
inline constexpr std::size_t kMostKeysInMetrics = 500;

/// Appends what each API key used since the start of the process, by its name. Any thread.
void add_key_families(const Keyring& keys, std::vector<prometheus::MetricFamily>& families);

}  // namespace yardmaster::agent
