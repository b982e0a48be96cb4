#include "agent/drive/workload.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <numeric>

#include "base/random.h"
#include "env/objective.h"
#include "env/outcome_data.h"
#include "env/simulated_queries.h"
#include "env/simulated_world.h"

namespace yardmaster::agent {

namespace json = boost::json;

namespace {

std::optional<double> number(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

const json::object* object_at(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

/// A model of the pool, or nothing: routers stand in the same list without our object.
std::optional<env::ModelSpec> read_model(const json::value& entry) {
  const json::object* object = entry.if_object();
  const json::object* ours = object ? object_at(*object, "yardmaster") : nullptr;
  const json::value* id = object ? object->if_contains("id") : nullptr;
  if (ours == nullptr || id == nullptr || !id->is_string()) return std::nullopt;
  env::ModelSpec model;
  model.name = id->get_string();
  model.input_usd_per_mtok = number(*ours, "input_usd_per_mtok");
  model.output_usd_per_mtok = number(*ours, "output_usd_per_mtok");
  return model;
}

/// Whether a real upstream serves a model of the pool.
bool is_real(const json::value& entry) {
  const json::object* ours = object_at(entry.get_object(), "yardmaster");
  const json::value* kind = ours->if_contains("upstream_kind");
  return kind != nullptr && kind->is_string() && kind->get_string() != "simulated";
}

std::string first_router(const json::object& ours) {
  const json::value* routers = ours.if_contains("routers");
  if (routers == nullptr || !routers->is_array() || routers->get_array().empty()) return "auto";
  const json::object* first = routers->get_array().front().if_object();
  const json::value* name = first ? first->if_contains("name") : nullptr;
  return name != nullptr && name->is_string() ? std::string(name->get_string()) : "auto";
}

tl::unexpected<Error> not_a_daemon() {
  return fail(ErrorCode::invalid_argument,
              "the answer to GET /v1/models is not a Yardmaster daemon's; check the URL");
}

KnownOutcome from_world(const env::SimulatedOutcome& outcome) {
  return {outcome.quality, outcome.cost_usd.value_or(0), outcome.latency_s, outcome.input_tokens,
          outcome.output_tokens};
}

/// The row with the outcomes of the daemon's models; their quality must be known.
DriveQuery from_example(const Workload& workload, env::OutcomeExample example) {
  DriveQuery query;
  query.text = std::move(example.query);
  query.outcomes.resize(workload.models.size());
  for (const env::LoggedOutcome& logged : example.outcomes) {
    const auto model = workload.find(logged.model);
    if (!model || !logged.quality) continue;
    query.outcomes[*model] =
        KnownOutcome{*logged.quality, logged.cost_usd.value_or(0), logged.latency_s,
                     logged.input_tokens, logged.output_tokens};
  }
  return query;
}

bool all_known(const DriveQuery& query) {
  return std::all_of(query.outcomes.begin(), query.outcomes.end(),
                     [](const auto& outcome) { return outcome.has_value(); });
}

bool none_known(const DriveQuery& query) {
  return std::none_of(query.outcomes.begin(), query.outcomes.end(),
                      [](const auto& outcome) { return outcome.has_value(); });
}

/// Passes over `rows` rows, each shuffled anew (Fisher and Yates), cut to `count`.
std::vector<std::size_t> shuffled_passes(std::size_t rows, std::uint64_t seed,
                                         std::uint64_t count) {
  std::vector<std::size_t> order;
  std::vector<std::size_t> pass(rows);
  for (std::uint64_t number_of_pass = 0; order.size() < count; ++number_of_pass) {
    Rng rng(seed, number_of_pass);
    std::iota(pass.begin(), pass.end(), std::size_t{0});
    for (std::size_t i = rows; i > 1; --i) std::swap(pass[i - 1], pass[rng.below(i)]);
    const auto take = std::min<std::uint64_t>(rows, count - order.size());
    order.insert(order.end(), pass.begin(), pass.begin() + static_cast<std::ptrdiff_t>(take));
  }
  return order;
}

}  // namespace

Result<DaemonInfo> read_daemon_info(std::string_view models_body) {
  json::error_code error;
  const json::value parsed = json::parse(models_body, error);
  const json::object* body = error ? nullptr : parsed.if_object();
  const json::object* ours = body ? object_at(*body, "yardmaster") : nullptr;
  const json::object* objective = ours ? object_at(*ours, "objective") : nullptr;
  const json::value* data = body ? body->if_contains("data") : nullptr;
  if (objective == nullptr || data == nullptr || !data->is_array()) return not_a_daemon();

  DaemonInfo info;
  info.weights.cost = number(*objective, "cost_weight").value_or(0);
  info.weights.latency = number(*objective, "latency_weight").value_or(0);
  for (const json::value& entry : data->get_array()) {
    auto model = read_model(entry);
    if (!model) continue;
    info.simulated = info.simulated && !is_real(entry);
    info.models.push_back(std::move(*model));
  }
  info.router = first_router(*ours);
  if (info.models.empty()) return not_a_daemon();
  return info;
}

double KnownOutcome::reward(const ObjectiveWeights& weights) const {
  return env::reward(quality, cost_usd, latency_s.value_or(0), weights);
}

std::optional<std::size_t> Workload::find(std::string_view model) const {
  const auto found = std::find(models.begin(), models.end(), model);
  if (found == models.end()) return std::nullopt;
  return static_cast<std::size_t>(std::distance(models.begin(), found));
}

Workload built_in_workload(const DaemonInfo& daemon, std::uint64_t world_seed, std::uint64_t seed,
                           std::uint64_t count) {
  const env::SimulatedWorld world(world_seed);
  Workload workload;
  for (const env::ModelSpec& model : daemon.models) workload.models.push_back(model.name);
  workload.queries.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    DriveQuery query;
    query.text = env::simulated_query(seed, i);
    for (const env::ModelSpec& model : daemon.models) {
      query.outcomes.emplace_back(from_world(world.outcome(query.text, model)));
    }
    workload.queries.push_back(std::move(query));
  }
  workload.order.resize(count);
  std::iota(workload.order.begin(), workload.order.end(), std::size_t{0});
  return workload;
}

Result<Workload> data_workload(const DaemonInfo& daemon, const std::string& path,
                               std::uint64_t seed, std::uint64_t count) {
  auto reader = env::OutcomeReader::open(path);
  if (!reader) return fail(reader.error());
  Workload workload;
  for (const env::ModelSpec& model : daemon.models) workload.models.push_back(model.name);
  while (auto example = reader->next()) {
    DriveQuery query = from_example(workload, std::move(*example));
    if (none_known(query)) {
      ++workload.refused_lines;
      continue;
    }
    workload.complete = workload.complete && all_known(query);
    workload.queries.push_back(std::move(query));
  }
  workload.refused_lines += reader->refused().size();
  if (workload.queries.empty()) {
    return fail(ErrorCode::invalid_argument,
                path +
                    " has no row with a model of the daemon; give the daemon a pool with the "
                    "data's models");
  }
  workload.order =
      shuffled_passes(workload.queries.size(), seed, count == 0 ? workload.queries.size() : count);
  return workload;
}

}  // namespace yardmaster::agent
