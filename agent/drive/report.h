#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "agent/drive/driver.h"
#include "agent/drive/workload.h"

namespace yardmaster::agent {

/// Mean rewards of one way of choosing, on the queries that the daemon answered.
struct RewardSummary {
  double mean = 0;
  double last_1000 = 0;             ///< over the last 1,000 of them, or all if there are fewer
  std::vector<double> block_means;  ///< over each block of 500, the last one shorter
};

/// What a drive measured.
struct DriveReport {
  std::uint64_t answered = 0;  ///< queries with a known choice
  RewardSummary served;        ///< by the daemon
  RewardSummary best_fixed;    ///< the single model with the best mean on these queries
  std::string best_fixed_model;
  RewardSummary random;  ///< expected value of a uniform choice
  RewardSummary oracle;  ///< the best model of each query
  double mean_quality = 0;
  double mean_cost_usd = 0;
  double requests_per_s = 0;  ///< of all kinds
  double latency_p50_ms = 0;  ///< of decisions, as the client saw them
  double latency_p99_ms = 0;
  bool lossless = false;  ///< everything was sent, answered and acknowledged
};

/// Queries in a block of the learning curve.
inline constexpr std::size_t kCurveBlock = 500;

/// Compares what the daemon chose with what could have been chosen. A fixed model that has no
/// outcome for a query gives way to the first that has.
DriveReport summarise(const Workload& workload, const DriveTally& tally,
                      const ObjectiveWeights& weights);

/// For people.
void print_report(std::ostream& out, const DriveReport& report, const DriveTally& tally,
                  const ObjectiveWeights& weights);

/// For scripts; docs/warm-start.md and `drive --help` name the fields.
boost::json::object report_json(const DriveReport& report, const DriveTally& tally,
                                const ObjectiveWeights& weights);

}  // namespace yardmaster::agent
