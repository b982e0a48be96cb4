#include "agent/simulation.h"

#include "agent/simulation/replay.h"

namespace yardmaster::agent {

Result<World> make_world(const SimulationData& data, const SimulationOptions& options) {
  if (options.warm_rows >= data.rows()) {
    return fail(ErrorCode::invalid_argument,
                "a warm start of " + std::to_string(options.warm_rows) + " rows leaves none of " +
                    std::to_string(data.rows()) + " to play; take fewer");
  }
  const std::uint64_t once = data.rows() - options.warm_rows;
  return World::make(data, options.events, options.rounds == 0 ? once : options.rounds,
                     options.weights);
}

Result<SimulationResult> simulate(const SimulationData& data, std::string_view policy,
                                  const SimulationOptions& options, const Progress& progress) {
  auto world = make_world(data, options);
  if (!world) return fail(world.error());
  policies::PolicyOptions made;
  made.dimension = data.dimension;
  for (std::size_t model = 0; model < data.models.size(); ++model) {
    if (world->stretches().front().present[model]) made.models.push_back(data.models[model]);
  }
  if (options.traits) made.traits = data.traits;
  made.exploration_floor = options.exploration_floor;
  made.half_life_decisions = options.half_life_decisions;
  const auto make_learner = [&](std::uint64_t seed) {
    made.seed = seed;
    return policies::make_learner(policy, made);
  };
  return simulate(data, policy, make_learner, options, progress);
}

Result<SimulationResult> simulate(const SimulationData& data, std::string_view name,
                                  const LearnerFactory& make_learner,
                                  const SimulationOptions& options, const Progress& progress) {
  auto world = make_world(data, options);
  if (!world) return fail(world.error());
  std::vector<Tally> tallies;
  for (const std::uint64_t seed : options.seeds) {
    auto learner = make_learner(seed);
    if (!learner) return fail(learner.error());
    auto replay = Replay::make(*world, options, seed, **learner);
    if (!replay) return fail(replay.error());
    const auto done_seeds = static_cast<double>(tallies.size());
    const auto seeds = static_cast<double>(options.seeds.size());
    auto run = replay->run([&](double part) { progress((done_seeds + part) / seeds); });
    if (!run) return fail(run.error());
    tallies.push_back(replay->tally());
  }
  return summarise(std::string(name), *world, tallies);
}

}  // namespace yardmaster::agent
