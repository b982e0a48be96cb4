#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/decision.h"
#include "base/result.h"
#include "env/model_pool.h"

namespace yardmaster::agent {

/// What GET /v1/models tells of a daemon.
struct DaemonInfo {
  std::vector<env::ModelSpec> models;  ///< name, prices, context window; routers are left out
  ObjectiveWeights weights;
  std::string router;     ///< the first one's name
  bool simulated = true;  ///< no model is served by a real upstream
};

/// Reads the body of GET /v1/models. Fails with invalid_argument where it is no daemon's answer.
Result<DaemonInfo> read_daemon_info(std::string_view models_body);

/// What a model does with a query, known before the daemon is asked.
struct KnownOutcome {
  double quality = 0;
  double cost_usd = 0;
  std::optional<double> latency_s;
  std::optional<std::uint64_t> input_tokens;
  std::optional<std::uint64_t> output_tokens;

  double reward(const ObjectiveWeights& weights) const;
};

/// A query to send, with the truth about every model that could answer it.
struct DriveQuery {
  std::string text;
  std::vector<std::optional<KnownOutcome>> outcomes;  ///< in the order of Workload::models
};

/// What a drive sends, in order.
struct Workload {
  std::vector<std::string> models;
  std::vector<DriveQuery> queries;
  std::vector<std::size_t> order;   ///< indices into queries, one for each query to send
  bool complete = true;             ///< every model has an outcome for every query
  std::uint64_t refused_lines = 0;  ///< of the data set: malformed, or with no model of the daemon

  const DriveQuery& query(std::size_t round) const { return queries[order[round]]; }

  /// The index of a model; nothing if its outcomes are not known.
  std::optional<std::size_t> find(std::string_view model) const;
};

/// `count` built-in queries of the stream `seed`, judged by the simulated world `world_seed` with
/// the daemon's models.
Workload built_in_workload(const DaemonInfo& daemon, std::uint64_t world_seed, std::uint64_t seed,
                           std::uint64_t count);

/// The rows of an outcome data set, shuffled by the seed, and again for each pass where `count` is
/// beyond the data (0: one pass). Only models that the daemon has count; without a cost a query
/// costs nothing. Fails with io where the file cannot be read, with invalid_argument where no row
/// can be used.
Result<Workload> data_workload(const DaemonInfo& daemon, const std::string& path,
                               std::uint64_t seed, std::uint64_t count);

}  // namespace yardmaster::agent
