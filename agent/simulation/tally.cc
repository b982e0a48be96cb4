#include "agent/simulation/tally.h"

#include <algorithm>
#include <cmath>

namespace yardmaster::agent {
namespace {

using Sums = Tally::Sums;

/// A change counts as recovered from when this part of the loss is left.
constexpr double kTolerated = 0.1;

/// 97.5% quantile of Student's t; beyond the table the normal's is near enough.
double student_t(std::size_t degrees) {
  constexpr std::array kQuantiles = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                                     2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                                     2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
                                     2.060,  2.056, 2.052, 2.048, 2.045, 2.042};
  return degrees <= kQuantiles.size() ? kQuantiles[degrees - 1] : 1.96;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// Of the mean over seeds; both ends are the mean where there is one seed.
std::array<double, 2> interval95(const std::vector<double>& values) {
  const double centre = mean(values);
  if (values.size() < 2) return {centre, centre};
  double squares = 0;
  for (const double value : values) squares += (value - centre) * (value - centre);
  const auto count = static_cast<double>(values.size());
  const double half = student_t(values.size() - 1) * std::sqrt(squares / (count - 1) / count);
  return {centre - half, centre + half};
}

double mean_reward(const World& world, const Stretch& stretch, std::size_t model) {
  double sum = 0, count = 0;
  for (std::size_t row = 0; row < world.data().rows(); ++row) {
    if (!stretch.present[model] || !world.data().cell(row, model).present) continue;
    sum += world.reward(world.cell(stretch, row, model));
    ++count;
  }
  return count > 0 ? sum / count : 0;
}

double per_round(const Sums& sums, double Sums::*what) { return sums.*what / sums.rounds; }

template <class Value>
std::vector<double> each(const std::vector<Tally>& tallies, Value&& value) {
  std::vector<double> values;
  for (const Tally& tally : tallies) values.push_back(value(tally));
  return values;
}

std::vector<CurvePoint> curve_of(const std::vector<Tally>& tallies, std::uint64_t rounds) {
  std::vector<CurvePoint> curve;
  const std::size_t windows = tallies.front().curve().size();
  for (std::size_t i = 0; i < windows; ++i) {
    const auto window = [&](double Sums::*what) {
      return each(tallies, [&](const Tally& t) { return per_round(t.curve()[i], what); });
    };
    const auto rewards = window(&Sums::reward);
    curve.push_back({((i + 1) * rounds + windows - 1) / windows, mean(rewards), interval95(rewards),
                     mean(window(&Sums::cost))});
  }
  return curve;
}

/// The change between stretch `index` and the next.
ChangeResult change_of(const std::vector<Tally>& tallies, const World& world, std::size_t index) {
  const Stretch& before = world.stretches()[index];
  const Stretch& after = world.stretches()[index + 1];
  ChangeResult change;
  change.round = after.first;
  change.best_before = world.data().models[before.best];
  change.best_after = world.data().models[after.best];
  change.loss = mean_reward(world, after, after.best) - mean_reward(world, after, before.best);
  const auto mean_over_seeds = [&](auto&& sums_of, double Sums::*what) {
    return mean(each(tallies,
                     [&](const Tally& t) { return per_round(sums_of(t.changes()[index]), what); }));
  };
  change.reward_before = mean_over_seeds(
      [](const Tally::Change& c) -> const Sums& { return c.before; }, &Sums::reward);
  for (std::size_t w = 0; w < tallies.front().changes()[index].after.size(); ++w) {
    const auto window = [w](const Tally::Change& c) -> const Sums& { return c.after[w]; };
    change.after.push_back({(w + 1) * Tally::kWindowRounds, mean_over_seeds(window, &Sums::reward),
                            mean_over_seeds(window, &Sums::gap),
                            mean_over_seeds(window, &Sums::changed)});
    if (!change.recovery_rounds && change.loss > 0 &&
        change.after.back().gap >= -kTolerated * change.loss) {
      change.recovery_rounds = change.after.back().rounds_after;
    }
  }
  return change;
}

}  // namespace

Tally::Tally(const World& world)
    : total_(world.rounds()), curve_(std::min(kCurvePoints, world.rounds())) {
  for (std::size_t i = 1; i < world.stretches().size(); ++i) {
    const Stretch& stretch = world.stretches()[i];
    Change change{stretch.first, {}, {}};
    change.after.resize(std::min(kWindows, (stretch.end - stretch.first) / kWindowRounds));
    changes_.push_back(std::move(change));
  }
}

void Tally::Sums::add(const RoundScore& score) {
  rounds += 1;
  reward += score.reward;
  quality += score.quality;
  cost += score.cost_usd;
  regret += score.oracle_reward - score.reward;
  gap += score.reward - score.reference_reward;
  changed += score.changed_model ? 1 : 0;
}

void Tally::add(const RoundScore& score) {
  all_.add(score);
  if (round_ + 1 >= std::min(kSpendingSettled, total_)) {
    highest_mean_cost_usd_ = std::max(highest_mean_cost_usd_, all_.cost / all_.rounds);
  }
  if (round_ >= total_ - std::max(total_ / 4, std::uint64_t{1})) last_quarter_.add(score);
  curve_[round_ * curve_.size() / total_].add(score);
  for (Change& change : changes_) {
    if (round_ < change.round) {
      if (round_ + kBeforeRounds >= change.round) change.before.add(score);
    } else if (const auto window = (round_ - change.round) / kWindowRounds;
               window < change.after.size()) {
      change.after[window].add(score);
    }
  }
  ++round_;
}

SimulationResult summarise(std::string policy, const World& world,
                           const std::vector<Tally>& tallies) {
  SimulationResult out;
  out.policy = std::move(policy);
  out.rounds = world.rounds();
  out.seed_rewards =
      each(tallies, [](const Tally& t) { return per_round(t.all(), &Sums::reward); });
  out.mean_reward = mean(out.seed_rewards);
  out.ci95 = interval95(out.seed_rewards);
  const auto mean_of = [&](auto&& value) { return mean(each(tallies, value)); };
  out.mean_quality = mean_of([](const Tally& t) { return per_round(t.all(), &Sums::quality); });
  out.seed_costs_usd =
      each(tallies, [](const Tally& t) { return per_round(t.all(), &Sums::cost); });
  out.mean_cost_usd = mean(out.seed_costs_usd);
  for (const Tally& tally : tallies) {
    out.highest_mean_cost_usd = std::max(out.highest_mean_cost_usd, tally.highest_mean_cost_usd());
  }
  out.last_quarter_reward =
      mean_of([](const Tally& t) { return per_round(t.last_quarter(), &Sums::reward); });
  out.regret = mean_of([](const Tally& t) { return t.all().regret; });
  const double seconds = mean_of([](const Tally& t) { return t.seconds(); });
  out.decisions_per_s = seconds > 0 ? static_cast<double>(out.rounds) / seconds : 0;
  out.curve = curve_of(tallies, out.rounds);
  for (std::size_t i = 0; i + 1 < world.stretches().size(); ++i) {
    out.changes.push_back(change_of(tallies, world, i));
  }
  return out;
}

}  // namespace yardmaster::agent
