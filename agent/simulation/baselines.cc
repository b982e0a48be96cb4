#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "agent/budget/score_window.h"
#include "agent/simulation.h"
#include "agent/simulation/world.h"

namespace yardmaster::agent {
namespace {

constexpr std::uint64_t kChoiceStream = 1, kCoinStream = 7;

/// Takes the cheaper model, or with this probability the dearer one.
struct Mix {
  std::size_t cheaper = 0, dearer = 0;
  double dearer_part = 0;
};

/// What a budget could buy in a world without changes.
struct WithinBudget {
  Mix mix;
  double price = 0;  ///< what a USD must gain for the budget to be met, every outcome known
};

Mix best_mix(const std::vector<double>& rewards, const std::vector<double>& costs, double budget) {
  Mix best;
  double best_reward = -INFINITY;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    for (std::size_t j = 0; j < costs.size(); ++j) {
      const bool alone = i == j && costs[i] <= budget;
      if (!alone && !(costs[i] <= budget && costs[j] > budget)) continue;
      const double part = alone ? 0 : (budget - costs[i]) / (costs[j] - costs[i]);
      const double reward = (1 - part) * rewards[i] + part * rewards[j];
      if (!(reward > best_reward)) continue;
      best = {i, j, part};
      best_reward = reward;
    }
  }
  if (best_reward > -INFINITY) return best;
  const auto cheapest =
      static_cast<std::size_t>(std::min_element(costs.begin(), costs.end()) - costs.begin());
  return {cheapest, cheapest, 0};  // nothing meets the budget
}

WithinBudget within_budget(const World& world, double budget) {
  const Stretch& stretch = world.stretches().front();
  const std::size_t models = world.data().models.size();
  std::vector<double> rewards(models), costs(models), counts(models);
  ScoreWindow window(world.data().rows());
  std::vector<std::size_t> candidates;
  for (std::size_t row = 0; row < world.data().rows(); ++row) {
    world.candidates(stretch, row, candidates);
    std::vector<CandidateForecast> known;
    for (const std::size_t model : candidates) {
      const SimulationData::Cell cell = world.cell(stretch, row, model);
      known.push_back({world.reward(cell), cell.cost_usd});
      rewards[model] += known.back().value;
      costs[model] += cell.cost_usd;
      ++counts[model];
    }
    if (!known.empty()) window.add(known);
  }
  for (std::size_t model = 0; model < models; ++model) {
    rewards[model] = counts[model] > 0 ? rewards[model] / counts[model] : -INFINITY;
    costs[model] = counts[model] > 0 ? costs[model] / counts[model] : INFINITY;
  }
  return {best_mix(rewards, costs, budget), window.crossing(budget).above};
}

/// One replay of all baselines, on the rows that the policies meet with this seed.
class BaselineReplay {
 public:
  BaselineReplay(const World& world, const std::optional<WithinBudget>& within,
                 std::uint64_t warm_rows, std::uint64_t seed)
      : fixed(world),
        switching(world),
        uniform(world),
        oracle(world),
        mix(world),
        budget_oracle(world),
        world_(world),
        within_(within),
        order_(world.data().rows(), warm_rows, seed),
        choice_(seed, kChoiceStream),
        coin_(seed, kCoinStream) {}

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

  Tally fixed, switching, uniform, oracle, mix, budget_oracle;

 private:
  void step(const Stretch& stretch, std::size_t row) {
    world_.candidates(stretch, row, present_);
    const std::size_t drawn = present_[static_cast<std::size_t>(choice_.below(present_.size()))];
    uniform.add(world_.score(stretch, row, drawn));
    oracle.add(world_.score(stretch, row, world_.oracle(stretch, row)));
    fixed.add(world_.score(stretch, row, world_.or_first(stretch, row, world_.best_fixed())));
    switching.add(world_.score(stretch, row, world_.or_first(stretch, row, stretch.best)));
    if (!within_) return;
    const Mix& pair = within_->mix;
    const std::size_t flipped = coin_.uniform() < pair.dearer_part ? pair.dearer : pair.cheaper;
    mix.add(world_.score(stretch, row, world_.or_first(stretch, row, flipped)));
    budget_oracle.add(world_.score(stretch, row, best_at_price(stretch, row)));
  }

  std::size_t best_at_price(const Stretch& stretch, std::size_t row) const {
    std::vector<CandidateForecast> known;
    for (const std::size_t model : present_) {
      const SimulationData::Cell cell = world_.cell(stretch, row, model);
      known.push_back({world_.reward(cell), cell.cost_usd});
    }
    return present_[greedy_choice(known, within_->price)];
  }

  const World& world_;
  const std::optional<WithinBudget>& within_;
  RowOrder order_;
  Rng choice_, coin_;
  std::vector<std::size_t> present_;
};

}  // namespace

bool is_baseline(std::string_view policy) {
  constexpr std::array<std::string_view, 6> kNames{"best_fixed", "best_switching", "random",
                                                   "oracle",     "best_mix",       "budget_oracle"};
  return std::find(kNames.begin(), kNames.end(), policy) != kNames.end();
}

Result<std::vector<SimulationResult>> simulate_baselines(const SimulationData& data,
                                                         const SimulationOptions& options) {
  auto world = make_world(data, options);
  if (!world) return fail(world.error());
  std::optional<WithinBudget> within;
  if (options.budget.usd_per_query > 0 && world->stretches().size() == 1) {
    within = within_budget(*world, options.budget.usd_per_query);
  }
  std::vector<Tally> fixed, switching, uniform, oracle, mix, budget_oracle;
  for (const std::uint64_t seed : options.seeds) {
    BaselineReplay replay(*world, within, options.warm_rows, seed);
    if (auto done = replay.run(); !done) return fail(done.error());
    fixed.push_back(std::move(replay.fixed));
    switching.push_back(std::move(replay.switching));
    uniform.push_back(std::move(replay.uniform));
    oracle.push_back(std::move(replay.oracle));
    mix.push_back(std::move(replay.mix));
    budget_oracle.push_back(std::move(replay.budget_oracle));
  }
  std::vector<SimulationResult> results{summarise("best_fixed", *world, fixed)};
  if (world->stretches().size() > 1) {
    results.push_back(summarise("best_switching", *world, switching));
  }
  results.push_back(summarise("random", *world, uniform));
  results.push_back(summarise("oracle", *world, oracle));
  if (within) {
    results.push_back(summarise("best_mix", *world, mix));
    results.push_back(summarise("budget_oracle", *world, budget_oracle));
  }
  return results;
}

}  // namespace yardmaster::agent
