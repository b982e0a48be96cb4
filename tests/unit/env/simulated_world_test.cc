#include "env/simulated_world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace yardmaster::env {
namespace {

constexpr std::size_t kQueries = 5000;

ModelSpec priced(std::string name, double input, double output) {
  ModelSpec model;
  model.name = std::move(name);
  model.input_usd_per_mtok = input;
  model.output_usd_per_mtok = output;
  return model;
}

std::vector<ModelSpec> pool() {
  return {priced("nano", 0.05, 0.2), priced("mini", 0.15, 0.6), priced("small", 0.4, 1.6),
          priced("medium", 1, 4),    priced("large", 2.5, 10),  priced("frontier", 5, 25)};
}

std::size_t main_topic(const TopicMix& mix) {
  return static_cast<std::size_t>(
      std::distance(mix.begin(), std::max_element(mix.begin(), mix.end())));
}

TEST(SimulatedQueries, AreManyAndTheSameForTheSameSeed) {
  std::set<std::string> texts;
  for (std::size_t i = 0; i < kQueries; ++i) texts.insert(simulated_query(1, i));
  EXPECT_GT(texts.size(), kQueries * 9 / 10);
  EXPECT_EQ(simulated_query(1, 42), simulated_query(1, 42));
  EXPECT_NE(simulated_query(1, 42), simulated_query(2, 42));
}

TEST(SimulatedQueries, MixTopics) {
  const SimulatedWorld world(0);
  std::size_t mixed = 0;
  for (std::size_t i = 0; i < kQueries; ++i) {
    const TopicMix mix = world.topics(simulated_query(1, i));
    EXPECT_NEAR(std::accumulate(mix.begin(), mix.end(), 0.0), 1, 1e-9);
    if (mix[main_topic(mix)] < 0.8) ++mixed;
  }
  EXPECT_GT(mixed, kQueries / 4);
  EXPECT_LT(mixed, kQueries * 3 / 4);
}

TEST(SimulatedWorld, ReadsTheTopicFromTheWords) {
  const SimulatedWorld world(0);
  const auto topic = [&](std::string_view text) {
    return simulated_topics()[main_topic(world.topics(text))].name;
  };
  EXPECT_EQ(topic("Write a Python function that parses JSON documents."), "code");
  EXPECT_EQ(topic("Prove a theorem about prime numbers."), "maths");
  EXPECT_EQ(topic("xyzzy"), "everyday");
  EXPECT_EQ(topic(""), "everyday");
}

TEST(SimulatedWorld, GivesTheSameOutcomeToWhoeverAsks) {
  const ModelSpec model = priced("m", 1, 4);
  const SimulatedOutcome one = SimulatedWorld(7).outcome("Prove it.", model);
  const SimulatedOutcome other = SimulatedWorld(7).outcome("Prove it.", model);
  EXPECT_EQ(one.quality, other.quality);
  EXPECT_EQ(one.latency_s, other.latency_s);
  EXPECT_EQ(one.output_tokens, other.output_tokens);
  EXPECT_NE(one.quality, SimulatedWorld(8).outcome("Prove it.", model).quality);
  EXPECT_DOUBLE_EQ(*one.cost_usd, (one.input_tokens * 1 + one.output_tokens * 4) * 1e-6);
}

TEST(SimulatedWorld, MakesPricierModelsBetterOnTheWholeButNotOnEveryTopic) {
  const auto models = pool();
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const SimulatedWorld world(seed);
    std::vector<double> total(models.size());
    std::set<std::size_t> best_somewhere;
    for (std::size_t t = 0; t < kTopics; ++t) {
      std::vector<double> on_topic;
      for (std::size_t m = 0; m < models.size(); ++m) {
        double sum = 0;
        for (const std::string_view form : simulated_topics()[t].forms) {
          sum += world.expected_quality(form, models[m]);
        }
        on_topic.push_back(sum);
        total[m] += sum;
      }
      best_somewhere.insert(static_cast<std::size_t>(
          std::distance(on_topic.begin(), std::max_element(on_topic.begin(), on_topic.end()))));
    }
    EXPECT_TRUE(std::is_sorted(total.begin(), total.end())) << "seed " << seed;
    EXPECT_GT(best_somewhere.size(), 1u) << "seed " << seed;
  }
}

RC_GTEST_PROP(SimulatedWorld, AnswersAnyTextOfAnyModelWithFiniteNumbers, ()) {
  ModelSpec model;
  model.name = *rc::gen::arbitrary<std::string>();
  if (*rc::gen::arbitrary<bool>()) {
    model.input_usd_per_mtok = *rc::gen::element(0.0, 0.1, 1e6);
    model.output_usd_per_mtok = *rc::gen::element(0.0, 0.3, 1e6);
  }
  const auto text = *rc::gen::arbitrary<std::string>();
  const SimulatedOutcome outcome = SimulatedWorld(3).outcome(text, model);
  RC_ASSERT(outcome.quality >= 0 && outcome.quality <= 1);
  RC_ASSERT(outcome.latency_s > 0 && outcome.latency_s < 1000);
  RC_ASSERT(outcome.output_tokens > 0u);
  RC_ASSERT(outcome.cost_usd.has_value() == model.input_usd_per_mtok.has_value());
}

}  // namespace
}  // namespace yardmaster::env
