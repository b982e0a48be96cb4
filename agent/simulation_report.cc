#include "agent/simulation_report.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value_from.hpp>
#include <cstdio>
#include <ostream>

namespace yardmaster::agent {
namespace {

/// printf into a string: iostreams would need eight manipulators a line.
template <class... Values>
std::string format(const char* pattern, Values... values) {
  char line[256];
  std::snprintf(line, sizeof line, pattern, values...);
  return line;
}

bool is_baseline(const SimulationResult& result) {
  return result.policy == "best_fixed" || result.policy == "random" || result.policy == "oracle";
}

}  // namespace

void print_table(std::ostream& out, const SimulationData& data, const SimulationOptions& options,
                 std::span<const SimulationResult> results) {
  out << data.rows() << " queries, " << data.models.size() << " models, " << options.seeds.size()
      << " seeds, encoder " << data.encoder << ", cost weight "
      << format("%g", options.weights.cost) << '\n';
  std::size_t width = 14;
  for (const SimulationResult& result : results) width = std::max(width, result.policy.size() + 2);
  const int name_width = static_cast<int>(width);
  out << format("%-*s %8s %18s %8s %10s %9s %9s %11s\n", name_width, "policy", "reward", "95%",
                "quality", "USD/1000", "last 1/4", "regret", "decisions/s");
  bool ruled = false;
  for (const SimulationResult& result : results) {
    if (is_baseline(result) && !ruled) {
      out << std::string(width + 80, '-') << '\n';
      ruled = true;
    }
    const std::string interval = format("%.4f to %.4f", result.ci95[0], result.ci95[1]);
    out << format("%-*s %8.4f %18s %8.4f %10.4f %9.4f %9.1f ", name_width, result.policy.c_str(),
                  result.mean_reward, interval.c_str(), result.mean_quality,
                  1000 * result.mean_cost_usd, result.last_quarter_reward, result.regret)
        << (result.decisions_per_s > 0 ? format("%11.0f", result.decisions_per_s)
                                       : format("%11s", "-"))
        << '\n';
  }
}

boost::json::object results_json(const std::string& path, const SimulationData& data,
                                 const SimulationOptions& options,
                                 std::span<const SimulationResult> results) {
  boost::json::array rows;
  for (const SimulationResult& result : results) {
    rows.push_back({{"policy", result.policy},
                    {"mean_reward", result.mean_reward},
                    {"mean_quality", result.mean_quality},
                    {"mean_cost_usd", result.mean_cost_usd},
                    {"last_quarter_reward", result.last_quarter_reward},
                    {"regret", result.regret},
                    {"ci95", {result.ci95[0], result.ci95[1]}},
                    {"decisions_per_s", result.decisions_per_s}});
  }
  return {{"data", path},
          {"rows", data.rows()},
          {"models", boost::json::value_from(data.models)},
          {"cost_weight", options.weights.cost},
          {"seeds", boost::json::value_from(options.seeds)},
          {"encoder", data.encoder},
          {"results", rows}};
}

}  // namespace yardmaster::agent
