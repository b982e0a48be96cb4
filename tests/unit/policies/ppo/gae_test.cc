#include "policies/ppo/gae.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"

namespace yardmaster::policies::ppo {
namespace {

struct Trajectories {
  std::vector<double> rewards, values;
  std::vector<StepEnd> ends;
};

Trajectories random_trajectories(std::uint64_t seed) {
  Rng rng(seed);
  Trajectories out;
  const auto add = [&](StepEnd end) {
    out.rewards.push_back(rng.normal());
    out.values.push_back(rng.normal());
    out.ends.push_back(end);
  };
  for (int episode = 0; episode < 20; ++episode) {
    const auto steps = rng.below(5);
    for (std::uint64_t i = 0; i < steps; ++i) add(StepEnd::continues);
    const bool cut_off = rng.below(2) == 0;
    add(cut_off ? StepEnd::truncated : StepEnd::terminated);
    if (cut_off) add(StepEnd::terminated);  // the state alone
  }
  return out;
}

/// sum over l of (gamma lambda)^l delta_(t+l), to the end of the episode.
double by_definition(const Trajectories& of, std::size_t t, double gamma, double lambda) {
  double sum = 0, factor = 1;
  for (std::size_t i = t;; ++i) {
    const double next = of.ends[i] == StepEnd::terminated ? 0 : of.values[i + 1];
    sum += factor * (of.rewards[i] + gamma * next - of.values[i]);
    if (of.ends[i] != StepEnd::continues) return sum;
    factor *= gamma * lambda;
  }
}

TEST(Gae, IsTheDiscountedSumOfErrorsThatItsDefinitionSays) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Trajectories of = random_trajectories(seed);
    std::vector<double> out(of.rewards.size());
    advantages(of.rewards, of.values, of.ends, 0.9, 0.8, out);
    for (std::size_t t = 0; t < out.size(); ++t) {
      const bool is_state = t > 0 && of.ends[t - 1] == StepEnd::truncated;
      EXPECT_NEAR(out[t], is_state ? 0 : by_definition(of, t, 0.9, 0.8), 1e-12);
    }
  }
}

TEST(Gae, ADecisionThatStandsAloneHasRewardMinusValue) {
  const std::vector<double> rewards{1, 0.5}, values{0.25, 1};
  const std::vector<StepEnd> ends(2, StepEnd::terminated);
  std::vector<double> out(2);
  advantages(rewards, values, ends, 1, 0.95, out);
  EXPECT_EQ(out, (std::vector<double>{0.75, -0.5}));
}

TEST(Gae, ACutOffEpisodeCountsTheValueOfTheStateWhereItWasCutAndATerminatedOneDoesNot) {
  const std::vector<double> rewards{-0.1, 99}, values{0.5, 0.7};
  std::vector<double> cut(2), terminated(1);
  advantages(rewards, values, std::vector{StepEnd::truncated, StepEnd::terminated}, 1, 1, cut);
  advantages(std::span(rewards).first(1), std::span(values).first(1),
             std::vector{StepEnd::terminated}, 1, 1, terminated);
  EXPECT_NEAR(cut[0], -0.1 + 0.7 - 0.5, 1e-12);
  EXPECT_NEAR(terminated[0], -0.1 - 0.5, 1e-12);
}

}  // namespace
}  // namespace yardmaster::policies::ppo
