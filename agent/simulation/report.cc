#include "agent/simulation/report.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value_from.hpp>
#include <ostream>

#include "agent/print_format.h"

namespace yardmaster::agent {
namespace {

int name_width(std::span<const SimulationResult> results) {
  std::size_t width = 16;
  for (const SimulationResult& result : results) width = std::max(width, result.policy.size() + 2);
  return static_cast<int>(width);
}

/// Mean reward of the windows that end at most `rounds` after the change; "-" where the time after
/// it is shorter.
std::string reward_after(const ChangeResult& change, std::uint64_t from, std::uint64_t to) {
  double sum = 0, windows = 0;
  for (const ChangeWindow& window : change.after) {
    if (window.rounds_after <= from || window.rounds_after > to) continue;
    sum += window.reward;
    ++windows;
  }
  const auto wanted = static_cast<double>((to - from) / Tally::kWindowRounds);
  return windows < wanted ? "-" : format("%.4f", sum / windows);
}

/// What came of one change: a line a policy.
void print_change(std::ostream& out, std::size_t index, std::span<const SimulationResult> results) {
  const ChangeResult& what = results.front().changes[index];
  out << "\nround " << what.round << ": best fixed model " << what.best_before << ", then "
      << what.best_after << format("; staying loses %.4f a round", what.loss) << '\n';
  const int width = name_width(results);
  out << format("%-*s %10s %11s %11s %11s %11s\n", width, "reward", "before", "to 100", "to 500",
                "to 1,000", "recovered");
  for (const SimulationResult& result : results) {
    const ChangeResult& change = result.changes[index];
    out << format("%-*s %10.4f %11s %11s %11s %11s\n", width, result.policy.c_str(),
                  change.reward_before, reward_after(change, 0, 100).c_str(),
                  reward_after(change, 100, 500).c_str(), reward_after(change, 500, 1000).c_str(),
                  change.recovery_rounds ? std::to_string(*change.recovery_rounds).c_str() : "-");
  }
}

std::string signed_percent(double cost_usd, double budget_usd) {
  return format("%+.2f%%", 100 * (cost_usd / budget_usd - 1));
}

/// How the learners kept to the budget: a line a policy.
void print_budget(std::ostream& out, double budget_usd, std::span<const SimulationResult> results) {
  const int width = name_width(results);
  out << format("\n%-*s %12s %20s %22s\n", width, format("budget %g USD", budget_usd).c_str(),
                "mean cost", "seeds", "highest from round 300");
  for (const SimulationResult& result : results) {
    if (is_baseline(result.policy)) continue;
    const auto& seeds = result.seed_costs_usd;
    const auto [least, most] = std::minmax_element(seeds.begin(), seeds.end());
    out << format(
        "%-*s %12s %20s %22s\n", width, result.policy.c_str(),
        signed_percent(result.mean_cost_usd, budget_usd).c_str(),
        (signed_percent(*least, budget_usd) + " to " + signed_percent(*most, budget_usd)).c_str(),
        signed_percent(result.highest_mean_cost_usd, budget_usd).c_str());
  }
}

boost::json::array curve_json(const std::vector<CurvePoint>& curve) {
  boost::json::array points;
  for (const CurvePoint& point : curve) {
    points.push_back({{"round", point.round},
                      {"reward", point.reward},
                      {"ci95", {point.ci95[0], point.ci95[1]}},
                      {"cost_usd", point.cost_usd}});
  }
  return points;
}

boost::json::array changes_json(const std::vector<ChangeResult>& changes) {
  boost::json::array out;
  for (const ChangeResult& change : changes) {
    boost::json::array after;
    for (const ChangeWindow& window : change.after) {
      after.push_back({{"rounds_after", window.rounds_after},
                       {"reward", window.reward},
                       {"gap", window.gap},
                       {"share", window.share}});
    }
    boost::json::object json{{"round", change.round},
                             {"best_before", change.best_before},
                             {"best_after", change.best_after},
                             {"loss", change.loss},
                             {"reward_before", change.reward_before},
                             {"recovery_rounds", nullptr},
                             {"after", after}};
    if (change.recovery_rounds) json["recovery_rounds"] = *change.recovery_rounds;
    out.push_back(std::move(json));
  }
  return out;
}

boost::json::object result_json(const SimulationResult& result) {
  boost::json::object json{{"policy", result.policy},
                           {"rounds", result.rounds},
                           {"mean_reward", result.mean_reward},
                           {"mean_quality", result.mean_quality},
                           {"mean_cost_usd", result.mean_cost_usd},
                           {"last_quarter_reward", result.last_quarter_reward},
                           {"regret", result.regret},
                           {"ci95", {result.ci95[0], result.ci95[1]}},
                           {"decisions_per_s", result.decisions_per_s},
                           {"seed_rewards", boost::json::value_from(result.seed_rewards)},
                           {"seed_costs_usd", boost::json::value_from(result.seed_costs_usd)},
                           {"highest_mean_cost_usd", result.highest_mean_cost_usd},
                           {"curve", curve_json(result.curve)}};
  if (!result.changes.empty()) json["changes"] = changes_json(result.changes);
  return json;
}

}  // namespace

void print_table(std::ostream& out, const SimulationData& data, const SimulationOptions& options,
                 std::span<const SimulationResult> results) {
  out << data.rows() << " queries, " << data.models.size() << " models, " << options.seeds.size()
      << " seeds, encoder " << data.encoder << ", cost weight "
      << format("%g", options.weights.cost) << '\n';
  const int width = name_width(results);
  out << format("%-*s %8s %18s %8s %10s %9s %9s %11s\n", width, "policy", "reward", "95%",
                "quality", "USD/1000", "last 1/4", "regret", "decisions/s");
  bool ruled = false;
  for (const SimulationResult& result : results) {
    if (is_baseline(result.policy) && !ruled) {
      out << std::string(static_cast<std::size_t>(width) + 80, '-') << '\n';
      ruled = true;
    }
    const std::string interval =
        options.seeds.size() < 2 ? "-" : format("%.4f to %.4f", result.ci95[0], result.ci95[1]);
    out << format("%-*s %8.4f %18s %8.4f %10.4f %9.4f %9.1f ", width, result.policy.c_str(),
                  result.mean_reward, interval.c_str(), result.mean_quality,
                  1000 * result.mean_cost_usd, result.last_quarter_reward, result.regret)
        << (result.decisions_per_s > 0 ? format("%11.0f", result.decisions_per_s)
                                       : format("%11s", "-"))
        << '\n';
  }
  const double budget = options.budget.usd_per_query;
  if (budget > 0) print_budget(out, budget, results);
  for (std::size_t i = 0; i < results.front().changes.size(); ++i) print_change(out, i, results);
}

boost::json::object results_json(const std::string& path, const SimulationData& data,
                                 const SimulationOptions& options,
                                 std::span<const SimulationResult> results) {
  boost::json::array rows;
  for (const SimulationResult& result : results) rows.push_back(result_json(result));
  boost::json::object json{{"data", path},
                           {"rows", data.rows()},
                           {"models", boost::json::value_from(data.models)},
                           {"cost_weight", options.weights.cost},
                           {"seeds", boost::json::value_from(options.seeds)},
                           {"encoder", data.encoder},
                           {"results", rows}};
  if (options.budget.usd_per_query > 0) {
    json["budget_usd_per_query"] = options.budget.usd_per_query;
  }
  return json;
}

}  // namespace yardmaster::agent
