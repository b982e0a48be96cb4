#pragma once

#include <boost/json/object.hpp>
#include <iosfwd>
#include <span>
#include <string>

#include "agent/simulation.h"

namespace yardmaster::agent {

/// The table of `simulate`: a line a policy, below them the baselines.
void print_table(std::ostream& out, const SimulationData& data, const SimulationOptions& options,
                 std::span<const SimulationResult> results);

/// {"data","rows","models","cost_weight","seeds","encoder","results":[{"policy","mean_reward",
/// "mean_quality","mean_cost_usd","last_quarter_reward","regret","ci95","decisions_per_s"}]}
boost::json::object results_json(const std::string& path, const SimulationData& data,
                                 const SimulationOptions& options,
                                 std::span<const SimulationResult> results);

}  // namespace yardmaster::agent
