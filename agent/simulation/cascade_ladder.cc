#include <algorithm>
#include <array>
#include <utility>

#include "agent/simulation/cascade_player.h"

namespace yardmaster::agent {
namespace {

constexpr std::size_t kBeam = 16;
constexpr std::array kThresholds = {0.25, 0.5, 0.75};

class LadderPlayer final : public CascadePlayer {
 public:
  explicit LadderPlayer(Ladder ladder) : ladder_(std::move(ladder)) {}

  void play(env::CascadeEnvironment& environment) override {
    allowed_.resize(environment.actions());
    observation_.resize(environment.observation_size());
    for (const std::size_t model : ladder_.models) {
      environment.allowed(allowed_);
      if (allowed_[model] == 0) continue;
      if (environment.step(model).truncated) return;
      environment.observe(observation_);
      const auto highest_score = static_cast<double>(observation_[observation_.size() - 2]);
      if (highest_score >= ladder_.threshold) break;
    }
    environment.allowed(allowed_);
    if (allowed_[environment.stop()] == 0) {  // no model of the ladder serves this query
      const auto any = std::find(allowed_.begin(), allowed_.end(), 1);
      if (environment.step(static_cast<std::size_t>(any - allowed_.begin())).truncated) return;
    }
    environment.step(environment.stop());
  }

 private:
  Ladder ladder_;
  std::vector<std::uint8_t> allowed_;
  std::vector<float> observation_;
};

class RandomPlayer final : public CascadePlayer {
 public:
  explicit RandomPlayer(std::uint64_t seed) : rng_(seed) {}

  void play(env::CascadeEnvironment& environment) override {
    allowed_.resize(environment.actions());
    for (;;) {
      environment.allowed(allowed_);
      auto left = rng_.below(static_cast<std::uint64_t>(
          std::count(allowed_.begin(), allowed_.end(), std::uint8_t{1})));
      std::size_t action = 0;
      while (allowed_[action] == 0 || left-- > 0) ++action;
      const auto step = environment.step(action);
      if (step.terminated || step.truncated) return;
    }
  }

 private:
  Rng rng_;
  std::vector<std::uint8_t> allowed_;
};

}  // namespace

std::unique_ptr<CascadePlayer> make_ladder_player(Ladder ladder) {
  return std::make_unique<LadderPlayer>(std::move(ladder));
}

std::unique_ptr<CascadePlayer> make_random_player(std::uint64_t seed) {
  return std::make_unique<RandomPlayer>(seed);
}

Ladder tune_ladder(const env::CascadeTable& table, const env::CascadeRules& rules,
                   std::uint64_t seed) {
  using Scored = std::pair<double, std::vector<std::size_t>>;
  double best_worth = -1e300;
  Ladder best;
  for (const double threshold : kThresholds) {
    std::vector<Scored> beam{{0, {}}};
    for (std::size_t length = 1; length <= std::min(rules.tries, table.models); ++length) {
      std::vector<Scored> longer;
      for (const Scored& shorter : beam) {
        for (std::size_t model = 0; model < table.models; ++model) {
          std::vector<std::size_t> models = shorter.second;
          if (std::find(models.begin(), models.end(), model) != models.end()) continue;
          models.push_back(model);
          env::CascadeEnvironment environment(table, rules, seed);
          LadderPlayer player({models, threshold});
          double worth = 0;
          for (std::size_t row = 0; row < table.rows(); ++row) {
            environment.reset(row);
            player.play(environment);
            worth += environment.worth();
          }
          if (worth > best_worth) {
            best_worth = worth;
            best = {models, threshold};
          }
          longer.emplace_back(worth, std::move(models));
        }
      }
      std::stable_sort(longer.begin(), longer.end(),
                       [](const Scored& a, const Scored& b) { return a.first > b.first; });
      longer.resize(std::min(longer.size(), kBeam));
      beam = std::move(longer);
    }
  }
  return best;
}

}  // namespace yardmaster::agent
