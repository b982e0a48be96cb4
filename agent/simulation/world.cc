#include "agent/simulation/world.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "env/objective.h"

namespace yardmaster::agent {
namespace {

constexpr std::uint64_t kShuffleStream = 0;

struct TimedEvent {
  std::uint64_t round = 0;
  std::size_t model = 0;
  ScenarioEvent::Kind kind = ScenarioEvent::Kind::price;
  double factor = 1;
};

void apply(const TimedEvent& event, Stretch& stretch) {
  switch (event.kind) {
    case ScenarioEvent::Kind::price:
      stretch.cost_factor[event.model] *= event.factor;
      break;
    case ScenarioEvent::Kind::quality:
      stretch.quality_factor[event.model] *= event.factor;
      break;
    case ScenarioEvent::Kind::add:
      stretch.present[event.model] = true;
      break;
    case ScenarioEvent::Kind::remove:
      stretch.present[event.model] = false;
      break;
  }
  stretch.changed.push_back(event.model);
}

Stretch first_stretch(std::size_t models, const std::vector<TimedEvent>& events) {
  Stretch stretch;
  stretch.cost_factor.assign(models, 1);
  stretch.quality_factor.assign(models, 1);
  stretch.present.assign(models, true);
  for (const TimedEvent& event : events) {
    if (event.kind == ScenarioEvent::Kind::add) stretch.present[event.model] = false;
  }
  return stretch;
}

/// Cuts the rounds at the events, which are sorted by round.
std::vector<Stretch> cut(std::size_t models, std::uint64_t rounds,
                         const std::vector<TimedEvent>& events) {
  std::vector<Stretch> stretches{first_stretch(models, events)};
  for (const TimedEvent& event : events) {
    if (event.round > stretches.back().first) {
      stretches.back().end = event.round;
      stretches.push_back(stretches.back());
      stretches.back().first = event.round;
      stretches.back().changed.clear();
    }
    apply(event, stretches.back());
  }
  stretches.back().end = rounds;
  return stretches;
}

/// The mean reward of each model over the rows that have it, and behind them that of the rows'
/// first candidates. -infinity for a model that is no candidate.
std::vector<double> mean_rewards(const World& world, const Stretch& stretch) {
  const std::size_t models = world.data().models.size();
  std::vector<double> sums(models + 1), counts(models + 1);
  std::vector<std::size_t> candidates;
  for (std::size_t row = 0; row < world.data().rows(); ++row) {
    world.candidates(stretch, row, candidates);
    for (const std::size_t model : candidates) {
      const double reward = world.reward(world.cell(stretch, row, model));
      sums[model] += reward;
      ++counts[model];
      if (model != candidates.front()) continue;
      sums[models] += reward;
      ++counts[models];
    }
  }
  for (std::size_t i = 0; i < sums.size(); ++i) {
    sums[i] = counts[i] > 0 ? sums[i] / counts[i] : -INFINITY;
  }
  return sums;
}

std::size_t argmax(const std::vector<double>& values, std::size_t count) {
  return static_cast<std::size_t>(
      std::max_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count)) -
      values.begin());
}

}  // namespace

Result<World> World::make(const SimulationData& data, const std::vector<ScenarioEvent>& events,
                          std::uint64_t rounds, const ObjectiveWeights& weights) {
  World world(data, weights);
  world.stretches_ = cut(data.models.size(), rounds, {});
  if (auto done = world.find_bests(); !done) return fail(done.error());
  std::vector<TimedEvent> timed;
  for (const ScenarioEvent& event : events) {
    auto model = world.find(event.model);
    if (!model) return fail(model.error());
    const std::uint64_t round = event.round.of(rounds);
    if (round >= rounds) {
      return fail(ErrorCode::invalid_argument,
                  "nothing can happen to '" + event.model + "' at round " + std::to_string(round) +
                      " of " + std::to_string(rounds) + "; name an earlier one, the first is 0");
    }
    timed.push_back({round, *model, event.kind, event.factor});
  }
  std::stable_sort(timed.begin(), timed.end(),
                   [](const TimedEvent& a, const TimedEvent& b) { return a.round < b.round; });
  world.stretches_ = cut(data.models.size(), rounds, timed);
  if (auto done = world.find_bests(); !done) return fail(done.error());
  return world;
}

Result<std::size_t> World::find(std::string_view model) const {
  if (model == "best") return best_fixed_;
  const auto& models = data_->models;
  const auto found = std::find(models.begin(), models.end(), model);
  if (found != models.end()) return static_cast<std::size_t>(found - models.begin());
  std::string known;
  for (const std::string& name : models) known += (known.empty() ? "" : ", ") + name;
  return fail(ErrorCode::invalid_argument, "the data has no model '" + std::string(model) +
                                               "'; name one of " + known + ", or best");
}

Status World::find_bests() {
  const std::size_t models = data_->models.size();
  std::vector<double> totals(models);
  for (Stretch& stretch : stretches_) {
    const std::vector<double> means = mean_rewards(*this, stretch);
    stretch.best = argmax(means, models);
    if (!std::isfinite(means[stretch.best])) {
      return fail(ErrorCode::invalid_argument, "no model is left at round " +
                                                   std::to_string(stretch.first) +
                                                   "; add one there, or do not remove the last");
    }
    for (std::size_t model = 0; model < models; ++model) {
      totals[model] += static_cast<double>(stretch.end - stretch.first) *
                       (std::isfinite(means[model]) ? means[model] : means[models]);
    }
  }
  best_fixed_ = argmax(totals, models);
  return {};
}

const Stretch& World::at(std::uint64_t round) const {
  std::size_t i = stretches_.size() - 1;
  while (i > 0 && stretches_[i].first > round) --i;
  return stretches_[i];
}

void World::candidates(const Stretch& stretch, std::size_t row,
                       std::vector<std::size_t>& out) const {
  out.clear();
  for (std::size_t model = 0; model < data_->models.size(); ++model) {
    if (may_serve(stretch, row, model)) out.push_back(model);
  }
}

SimulationData::Cell World::cell(const Stretch& stretch, std::size_t row, std::size_t model) const {
  SimulationData::Cell cell = data_->cell(row, model);
  if (cell.quality) *cell.quality = std::min(1.0, *cell.quality * stretch.quality_factor[model]);
  cell.cost_usd *= stretch.cost_factor[model];
  return cell;
}

double World::reward(const SimulationData::Cell& cell) const {
  return env::reward(cell.quality.value_or(0), cell.cost_usd, cell.latency_s.value_or(0), weights_);
}

bool World::may_serve(const Stretch& stretch, std::size_t row, std::size_t model) const {
  return stretch.present[model] && data_->cell(row, model).present;
}

std::size_t World::oracle(const Stretch& stretch, std::size_t row) const {
  std::size_t best = data_->models.size();
  double best_reward = -INFINITY;
  for (std::size_t model = 0; model < data_->models.size(); ++model) {
    if (!may_serve(stretch, row, model)) continue;
    const double here = reward(cell(stretch, row, model));
    if (here <= best_reward) continue;
    best = model;
    best_reward = here;
  }
  return best;
}

std::size_t World::or_first(const Stretch& stretch, std::size_t row, std::size_t model) const {
  if (may_serve(stretch, row, model)) return model;
  std::size_t first = 0;
  while (!may_serve(stretch, row, first)) ++first;
  return first;
}

RoundScore World::score(const Stretch& stretch, std::size_t row, std::size_t model) const {
  const SimulationData::Cell chosen = cell(stretch, row, model);
  const auto reward_with = [&](std::size_t other) { return reward(cell(stretch, row, other)); };
  const auto& changed = stretch.changed;
  return {reward(chosen),
          chosen.quality.value_or(0),
          chosen.cost_usd,
          reward_with(oracle(stretch, row)),
          reward_with(or_first(stretch, row, stretch.best)),
          std::find(changed.begin(), changed.end(), model) != changed.end()};
}

RowOrder::RowOrder(std::size_t rows, std::size_t warm_rows, std::uint64_t seed)
    : order_(rows), rng_(seed, kShuffleStream) {
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  shuffle();
  const auto cut = order_.begin() + static_cast<std::ptrdiff_t>(warm_rows);
  warm_.assign(order_.begin(), cut);
  order_.erase(order_.begin(), cut);
}

Result<std::size_t> RowOrder::next(const World& world, const Stretch& stretch) {
  for (std::size_t tries = 0; tries < 2 * order_.size(); ++tries) {
    if (place_ == order_.size()) {
      shuffle();
      place_ = 0;
    }
    const std::size_t row = order_[place_++];
    world.candidates(stretch, row, scratch_);
    if (!scratch_.empty()) return row;
  }
  return fail(ErrorCode::invalid_argument,
              "no query that is played from round " + std::to_string(stretch.first) +
                  " on has a candidate; set fewer rows aside for the warm start");
}

void RowOrder::shuffle() {
  for (std::size_t i = order_.size(); i > 1; --i) {
    std::swap(order_[i - 1], order_[static_cast<std::size_t>(rng_.below(i))]);
  }
}

}  // namespace yardmaster::agent
