#include "agent/probe_plan.h"

#include <algorithm>
#include <optional>

#include "agent/config.h"

namespace yardmaster::agent {

std::vector<ProbePlan> plan_probes(const Config& config) {
  std::vector<ProbePlan> plans;
  for (std::size_t i = 0; i < config.models.size(); ++i) {
    const env::ModelSpec& model = config.models[i];
    const auto upstream =
        std::find_if(config.upstreams.begin(), config.upstreams.end(),
                     [&](const UpstreamConfig& each) { return each.name == model.upstream; });
    if (upstream == config.upstreams.end()) continue;
    const auto& spec = model.probe ? model.probe : upstream->probe;
    if (!spec) continue;
    const auto shared = std::find_if(plans.begin(), plans.end(), [&](const ProbePlan& each) {
      return each.upstream == upstream->name && each.spec == *spec &&
             spec->request == env::ProbeSpec::Request::models;
    });
    ProbePlan& plan =
        shared != plans.end() ? *shared : plans.emplace_back(ProbePlan{*spec, upstream->name, {}});
    plan.models.push_back(i);
  }
  return plans;
}

void expect_probes(const std::vector<ProbePlan>& plans, ModelHealth& health) {
  for (const ProbePlan& plan : plans) {
    const bool chat = plan.spec.request == env::ProbeSpec::Request::chat;
    const auto idle = plan.spec.idle ? std::optional(plan.spec.interval) : std::nullopt;
    for (const std::size_t model : plan.models) {
      health.expect_probes(model, chat ? ProbeReach::model : ProbeReach::upstream,
                           2 * plan.spec.interval + plan.spec.timeout, idle);
    }
  }
}

}  // namespace yardmaster::agent
