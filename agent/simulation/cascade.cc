#include "agent/simulation/cascade.h"

#include <chrono>

#include "agent/simulation/cascade_player.h"

namespace yardmaster::agent {
namespace {

enum Stream : std::uint64_t { kJudge = 11, kRandom = 12, kTuning = 13 };

using PlayerFactory =
    std::function<Result<std::unique_ptr<CascadePlayer>>(std::uint64_t seed, std::uint64_t& steps)>;

/// One player over all seeds.
class CascadeRun {
 public:
  CascadeRun(const World& world, const env::CascadeTable& table, const CascadeOptions& options)
      : world_(world), table_(table), options_(options) {}

  Result<SimulationResult> run(const std::string& name, const PlayerFactory& make,
                               const Progress& progress) const {
    std::vector<Tally> tallies;
    double steps_per_s = 0;
    for (const std::uint64_t seed : options_.seeds) {
      std::uint64_t steps = 0;
      auto player = make(seed, steps);
      if (!player) return fail(player.error());
      Tally tally(world_);
      const auto start = std::chrono::steady_clock::now();
      const auto part = [&](double done) {
        progress((static_cast<double>(tallies.size()) + done) /
                 static_cast<double>(options_.seeds.size()));
      };
      if (auto played = play(seed, **player, tally, part); !played) return fail(played.error());
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
      steps_per_s +=
          static_cast<double>(steps) / taken.count() / static_cast<double>(options_.seeds.size());
      tallies.push_back(std::move(tally));
    }
    SimulationResult result = summarise(name, world_, tallies);
    result.decisions_per_s = steps_per_s;
    return result;
  }

 private:
  Status play(std::uint64_t seed, CascadePlayer& player, Tally& tally,
              const Progress& progress) const {
    const env::CascadeRules rules{options_.tries, options_.judge_error, options_.cost_weight};
    env::CascadeEnvironment environment(table_, rules, mix64(seed) ^ kJudge);
    const Stretch& stretch = world_.stretches().front();
    RowOrder order(table_.rows(), 0, seed);
    for (std::uint64_t round = 0; round < world_.rounds(); ++round) {
      auto row = order.next(world_, stretch);
      if (!row) return fail(row.error());
      environment.reset(*row);
      player.play(environment);
      const double oracle = world_.score(stretch, *row, world_.oracle(stretch, *row)).reward;
      RoundScore score;
      score.reward = environment.worth();
      score.quality = environment.delivered_quality();
      score.cost_usd = environment.cost_usd();
      score.oracle_reward = oracle;
      tally.add(score);
      if (round % 512 == 0) {
        progress(static_cast<double>(round) / static_cast<double>(world_.rounds()));
      }
    }
    return {};
  }

  const World& world_;
  const env::CascadeTable& table_;
  const CascadeOptions& options_;
};

/// Plays nothing: one draft of the best model for each query is what regret is counted against.
SimulationResult oracle_result(const World& world, const CascadeOptions& options) {
  std::vector<Tally> tallies;
  for (const std::uint64_t seed : options.seeds) {
    Tally tally(world);
    const Stretch& stretch = world.stretches().front();
    RowOrder order(world.data().rows(), 0, seed);
    for (std::uint64_t round = 0; round < world.rounds(); ++round) {
      const auto row = order.next(world, stretch);
      if (row) tally.add(world.score(stretch, *row, world.oracle(stretch, *row)));
    }
    tallies.push_back(std::move(tally));
  }
  return summarise("oracle", world, tallies);
}

}  // namespace

CascadeData::CascadeData(const SimulationData& data) {
  for (const SimulationData::Cell& cell : data.cells) {
    quality_.push_back(cell.present ? cell.quality.value_or(0) : -1);
    cost_.push_back(cell.cost_usd);
  }
  table_ = {data.models.size(), data.dimension, data.features, quality_, cost_};
}

Result<std::vector<SimulationResult>> simulate_cascade(const SimulationData& data,
                                                       const CascadeOptions& options,
                                                       const Progress& progress) {
  const std::uint64_t rounds = options.rounds == 0 ? data.rows() : options.rounds;
  const auto world = World::make(data, {}, rounds, {options.cost_weight, 0});
  if (!world) return fail(world.error());
  const CascadeData cascade(data);
  const env::CascadeTable& table = cascade.table();
  const env::CascadeRules rules{options.tries, options.judge_error, options.cost_weight};
  const CascadeRun run(*world, table, options);
  std::vector<SimulationResult> results;

  const PlayerFactory ppo = [&](std::uint64_t seed, std::uint64_t& steps) {
    return make_ppo_player(table, options, seed, steps);
  };
  auto learned = run.run("ppo", ppo, progress);
  if (!learned) return fail(learned.error());
  results.push_back(std::move(*learned));

  const auto add = [&](const std::string& name, const PlayerFactory& make) -> Status {
    auto result = run.run(name, make, [](double) {});
    if (!result) return fail(result.error());
    results.push_back(std::move(*result));
    return {};
  };
  const auto add_ladder = [&](const std::string& name, const Ladder& ladder) {
    return add(name, [&](std::uint64_t, std::uint64_t&) { return make_ladder_player(ladder); });
  };
  if (auto done = add_ladder("ladder", tune_ladder(table, rules, kTuning)); !done) {
    return fail(done.error());
  }
  for (std::size_t model = 0; model < data.models.size(); ++model) {
    auto done = add_ladder("fixed:" + data.models[model], {{model}, 0});
    if (!done) return fail(done.error());
  }
  auto done = add("random", [](std::uint64_t seed, std::uint64_t&) {
    return make_random_player(mix64(seed) ^ kRandom);
  });
  if (!done) return fail(done.error());
  results.push_back(oracle_result(*world, options));
  return results;
}

}  // namespace yardmaster::agent
