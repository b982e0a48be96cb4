#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "agent/model_health.h"
#include "env/model_pool.h"

namespace yardmaster::agent {

struct Config;

/// What one request now and then tells of some models.
struct ProbePlan {
  env::ProbeSpec spec;
  std::string upstream;
  std::vector<std::size_t> models;  ///< of the pool; one where the model itself is asked
};

/// Of the models that the config has probed. Those of one upstream that are probed alike share the
/// request for its list of models.
std::vector<ProbePlan> plan_probes(const Config& config);

/// Has the models' health wait for their probes.
void expect_probes(const std::vector<ProbePlan>& plans, ModelHealth& health);

}  // namespace yardmaster::agent
