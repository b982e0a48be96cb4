// The pool of configs/demo.yaml in its simulated world: worth routing, and no child's play.

#include <gtest/gtest.h>

#include <algorithm>

#include "agent/config.h"
#include "env/objective.h"
#include "env/simulated_queries.h"
#include "env/simulated_world.h"

namespace yardmaster::agent {
namespace {

constexpr std::size_t kQueries = 5000;

std::size_t main_topic(const env::TopicMix& mix) {
  return static_cast<std::size_t>(
      std::distance(mix.begin(), std::max_element(mix.begin(), mix.end())));
}

/// Mean rewards over the built-in queries of one stream.
struct Rewards {
  double best_fixed = 0;
  double best_by_topic = 0;  ///< the best model of each topic, chosen in hindsight
  double oracle = 0;
};

Rewards measure(const Config& config, std::uint64_t world_seed, std::uint64_t stream) {
  const env::SimulatedWorld world(world_seed);
  const ObjectiveWeights weights{config.objective.cost_weight, config.objective.latency_weight};
  std::vector<double> fixed(config.models.size());
  std::vector<std::vector<double>> by_topic(env::kTopics, fixed);
  Rewards rewards;
  for (std::size_t i = 0; i < kQueries; ++i) {
    const std::string text = env::simulated_query(stream, i);
    const std::size_t topic = main_topic(world.topics(text));
    double best = -1e9;
    for (std::size_t m = 0; m < config.models.size(); ++m) {
      const env::SimulatedOutcome outcome = world.outcome(text, config.models[m]);
      const double reward =
          env::reward(outcome.quality, *outcome.cost_usd, outcome.latency_s, weights) / kQueries;
      fixed[m] += reward;
      by_topic[topic][m] += reward;
      best = std::max(best, reward);
    }
    rewards.oracle += best;
  }
  rewards.best_fixed = *std::max_element(fixed.begin(), fixed.end());
  for (const auto& topic : by_topic) {
    rewards.best_by_topic += *std::max_element(topic.begin(), topic.end());
  }
  return rewards;
}

TEST(DemoWorld, IsBeatableByRoutingButNoChildsPlay) {
  const auto config = load_config(YARDMASTER_SOURCE_DIR "/configs/demo.yaml");
  ASSERT_TRUE(config) << config.error().message;
  const std::uint64_t world_seed = config->upstreams.front().seed;
  for (std::uint64_t other = 0; other < 5; ++other) {
    const Rewards rewards = measure(*config, world_seed + other, other);
    EXPECT_LE(rewards.oracle - rewards.best_fixed, 0.25) << "world " << world_seed + other;
    EXPECT_GE(rewards.best_by_topic - rewards.best_fixed, 0.03) << "world " << world_seed + other;
  }
}

}  // namespace
}  // namespace yardmaster::agent
