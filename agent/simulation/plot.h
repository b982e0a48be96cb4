#pragma once

#include <string>
#include <vector>

#include "agent/simulation/tally.h"
#include "agent/simulation/world.h"

namespace yardmaster::agent {

/// All results at one cost weight.
struct PlotRun {
  double cost_weight = 0;
  std::vector<SimulationResult> results;  ///< policies, then baselines
};

/// Quality and cost of one model that always serves, means over the rounds of the world.
struct FixedModel {
  std::string model;
  double quality = 0;
  double cost_usd = 0;
};

/// Of every model that serves at all.
std::vector<FixedModel> fixed_models(const World& world);

/// A picture as SVG: left the learning curves of the first run, with 95% bands over seeds for
/// policies and dashed lines for baselines; right quality against cost, of each fixed model and of
/// each policy and baseline, one point a run, joined where there are several. At least one run.
std::string plot_svg(const std::string& title, const std::vector<PlotRun>& runs,
                     const std::vector<FixedModel>& fixed);

}  // namespace yardmaster::agent
