#include "env/model_traits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace yardmaster::env {
namespace {

ModelSpec model(std::string name) {
  ModelSpec out;
  out.name = std::move(name);
  return out;
}

ModelSpec priced(std::string name, double input, double output) {
  ModelSpec out = model(std::move(name));
  out.input_usd_per_mtok = input;
  out.output_usd_per_mtok = output;
  return out;
}

std::vector<double> values(const ModelTraits& traits, std::string_view model) {
  const auto span = traits.of(model);
  return {span.begin(), span.end()};
}

TEST(ModelTraits, PricesAreComparedByTheirLogarithms) {
  const std::vector<ModelSpec> pool{priced("cheap", 0.1, 1), priced("middle", 1, 1),
                                    priced("middle too", 1, 1), priced("dear", 10, 1)};
  const ModelTraits traits(pool);
  ASSERT_EQ(traits.names(), std::vector<std::string>{"input_usd_per_mtok"})
      << "the output price is the same for all";
  EXPECT_NEAR(values(traits, "cheap")[0], -std::sqrt(2.0), 1e-12);
  EXPECT_NEAR(values(traits, "middle")[0], 0, 1e-12);
  EXPECT_NEAR(values(traits, "dear")[0], std::sqrt(2.0), 1e-12);
}

TEST(ModelTraits, AFreeModelIsCheapAndNotInfinitelyCheap) {
  const std::vector<ModelSpec> pool{priced("free", 0, 0), priced("free too", 0, 0),
                                    priced("paid", 1, 1), priced("paid too", 1, 1)};
  const ModelTraits traits(pool);
  for (const double value : values(traits, "free")) EXPECT_NEAR(value, -1 / std::sqrt(2.0), 1e-12);
}

TEST(ModelTraits, WhatIsNotKnownOfAModelIsTheMean) {
  std::vector<ModelSpec> pool{model("a"), model("b"), model("c"), model("d"), model("e")};
  for (std::size_t i = 0; i < 4; ++i) pool[i].scores = {{"mmlu", i < 2 ? 60 : 80}};
  const ModelTraits traits(pool);
  EXPECT_EQ(traits.names(), std::vector<std::string>{"scores.mmlu"});
  EXPECT_EQ(values(traits, "a"), std::vector<double>{-1});
  EXPECT_EQ(values(traits, "d"), std::vector<double>{1});
  EXPECT_EQ(values(traits, "e"), std::vector<double>{0});
  EXPECT_EQ(values(traits, "not of the pool"), std::vector<double>{0});
}

TEST(ModelTraits, ATraitOfFewerThanFourModelsIsLeftOut) {
  const std::vector<ModelSpec> pool{priced("a", 0.1, 0.2), priced("b", 1, 2), priced("c", 2, 8),
                                    model("d")};
  EXPECT_EQ(ModelTraits(pool).size(), 0u);
}

TEST(ModelTraits, HoweverManyThereAreAModelsTraitsHaveASquaredNormOfAboutOne) {
  std::vector<ModelSpec> pool;
  for (int i = 0; i < 6; ++i) {
    ModelSpec& each = pool.emplace_back(model(std::to_string(i)));
    each.size_b = 1 + i;
    each.context_tokens = static_cast<std::uint32_t>(4096 << i);
    for (int k = 0; k < 20; ++k) each.scores.emplace_back(std::to_string(k), i + 0.1 * k * (i % 3));
  }
  const ModelTraits traits(pool);
  EXPECT_EQ(traits.size(), 22u);
  double squares = 0;
  for (const ModelSpec& each : pool) {
    for (const double value : traits.of(each.name)) squares += value * value;
  }
  EXPECT_NEAR(squares / 6, 1, 1e-9);
}

TEST(ModelTraits, APoolOfWhichNothingIsKnownHasNone) {
  EXPECT_EQ(ModelTraits(std::vector<ModelSpec>{model("a"), model("b")}).size(), 0u);
  EXPECT_EQ(ModelTraits(std::vector<ModelSpec>{}).size(), 0u);
  EXPECT_TRUE(ModelTraits().of("a").empty());
}

}  // namespace
}  // namespace yardmaster::env
