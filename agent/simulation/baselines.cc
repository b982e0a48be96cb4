#include <algorithm>

#include "agent/simulation.h"
#include "agent/simulation/world.h"

namespace yardmaster::agent {
namespace {

constexpr std::uint64_t kChoiceStream = 1;

/// One replay of all baselines, on the rows that the policies meet with this seed.
class BaselineReplay {
 public:
  BaselineReplay(const World& world, std::uint64_t warm_rows, std::uint64_t seed)
      : fixed(world),
        switching(world),
        uniform(world),
        oracle(world),
        world_(world),
        order_(world.data().rows(), warm_rows, seed),
        choice_(seed, kChoiceStream) {}

  Status run() {
    for (const Stretch& stretch : world_.stretches()) {
      for (std::uint64_t round = stretch.first; round < stretch.end; ++round) {
        auto row = order_.next(world_, stretch);
        if (!row) return fail(row.error());
        step(stretch, *row);
      }
    }
    return {};
  }

  Tally fixed, switching, uniform, oracle;

 private:
  void step(const Stretch& stretch, std::size_t row) {
    world_.candidates(stretch, row, present_);
    const std::size_t drawn = present_[static_cast<std::size_t>(choice_.below(present_.size()))];
    uniform.add(world_.score(stretch, row, drawn));
    oracle.add(world_.score(stretch, row, world_.oracle(stretch, row)));
    fixed.add(world_.score(stretch, row, world_.or_first(stretch, row, world_.best_fixed())));
    switching.add(world_.score(stretch, row, world_.or_first(stretch, row, stretch.best)));
  }

  const World& world_;
  RowOrder order_;
  Rng choice_;
  std::vector<std::size_t> present_;
};

}  // namespace

Result<std::vector<SimulationResult>> simulate_baselines(const SimulationData& data,
                                                         const SimulationOptions& options) {
  auto world = make_world(data, options);
  if (!world) return fail(world.error());
  std::vector<Tally> fixed, switching, uniform, oracle;
  for (const std::uint64_t seed : options.seeds) {
    BaselineReplay replay(*world, options.warm_rows, seed);
    if (auto done = replay.run(); !done) return fail(done.error());
    fixed.push_back(std::move(replay.fixed));
    switching.push_back(std::move(replay.switching));
    uniform.push_back(std::move(replay.uniform));
    oracle.push_back(std::move(replay.oracle));
  }
  std::vector<SimulationResult> results{summarise("best_fixed", *world, fixed)};
  if (world->stretches().size() > 1) {
    results.push_back(summarise("best_switching", *world, switching));
  }
  results.push_back(summarise("random", *world, uniform));
  results.push_back(summarise("oracle", *world, oracle));
  return results;
}

}  // namespace yardmaster::agent
