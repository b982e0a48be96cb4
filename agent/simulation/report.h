#pragma once

#include <boost/json/object.hpp>
#include <iosfwd>
#include <span>
#include <string>

#include "agent/simulation.h"

namespace yardmaster::agent {

/// The table of `simulate`: a line a policy, below them the baselines; then a table for each change
/// of the scenario. At least one result.
void print_table(std::ostream& out, const SimulationData& data, const SimulationOptions& options,
                 std::span<const SimulationResult> results);

/// docs/simulate.md says what each field means.
boost::json::object results_json(const std::string& path, const SimulationData& data,
                                 const SimulationOptions& options,
                                 std::span<const SimulationResult> results);

}  // namespace yardmaster::agent
