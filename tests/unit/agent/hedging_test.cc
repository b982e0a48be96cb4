#include "agent/hedging.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>
#include <vector>

#include "base/random.h"

namespace yardmaster::agent {
namespace {

using Seconds = Hedging::Seconds;

TEST(LatencySketch, KnowsNothingOfNothing) {
  LatencySketch sketch;
  EXPECT_EQ(sketch.count(), 0u);
  EXPECT_FALSE(sketch.quantile(0.5));
}

TEST(LatencySketch, QuantilesAreRightToATenth) {
  LatencySketch sketch;
  for (int i = 1; i <= 100; ++i) sketch.add(0.01 * i);
  EXPECT_EQ(sketch.count(), 100u);
  // The later half, which is the slower one, weighs a little more.
  EXPECT_NEAR(*sketch.quantile(0.5), 0.54, 0.05);
  EXPECT_NEAR(*sketch.quantile(0.95), 0.95, 0.05);
  EXPECT_NEAR(*sketch.quantile(0.99), 0.99, 0.05);
}

TEST(LatencySketch, WhatWasFadesBehindWhatIs) {
  LatencySketch sketch;
  for (int i = 0; i < 5000; ++i) sketch.add(10);
  for (int i = 0; i < 1000; ++i) sketch.add(0.1);
  EXPECT_NEAR(*sketch.quantile(0.95), 0.1, 0.01);
  // Far beyond the number of durations after which the weights are scaled down.
  for (int i = 0; i < 50'000; ++i) sketch.add(0.1);
  EXPECT_NEAR(*sketch.quantile(0.999), 0.1, 0.01);
  for (int i = 0; i < 200; ++i) sketch.add(5);
  EXPECT_NEAR(*sketch.quantile(0.45), 0.1, 0.01);
  EXPECT_NEAR(*sketch.quantile(0.55), 5, 0.5);
}

TEST(LatencySketch, TakesAnyNumber) {
  LatencySketch sketch;
  for (const double each : {-1.0, 0.0, 1e-9, 1e300, std::nan("")}) sketch.add(each);
  EXPECT_GT(*sketch.quantile(0.01), 0);
  EXPECT_LT(*sketch.quantile(1), 1e5);
}

TEST(LatencySketch, TakesDurationsFromAllThreads) {
  LatencySketch sketch;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) {
        sketch.add(0.2);
        sketch.quantile(0.9);
      }
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(sketch.count(), 4000u);
  EXPECT_NEAR(*sketch.quantile(0.9), 0.2, 0.02);
}

HedgeSettings settings() {
  HedgeSettings settings;
  settings.enabled = true;
  settings.quantile = 0.9;
  settings.min_calls = 10;
  settings.min_wait = std::chrono::milliseconds(50);
  return settings;
}

TEST(Hedging, WaitsForTheModelsOwnQuantileOnceItHasSeenEnough) {
  Hedging hedging(2, settings());
  for (int i = 0; i < 9; ++i) hedging.answered(0, false, Seconds(1));
  EXPECT_FALSE(hedging.wait(0, false));
  hedging.answered(0, false, Seconds(1));
  EXPECT_NEAR(hedging.wait(0, false)->count(), 1, 0.1);
  EXPECT_FALSE(hedging.wait(0, true)) << "streams are another matter";
  EXPECT_FALSE(hedging.wait(1, false)) << "and so is another model";
}

TEST(Hedging, NeverWaitsLessThanTheLeast) {
  Hedging hedging(1, settings());
  for (int i = 0; i < 20; ++i) hedging.answered(0, true, Seconds(0.001));
  EXPECT_EQ(hedging.wait(0, true), Seconds(0.05));
}

/// A tenth of the calls takes 3 s and is hedged: what is seen of it is that it took longer than the
/// quantile.
TEST(Hedging, CallsThatWereGivenUpDoNotMakeAModelLookFast) {
  Hedging hedging(1, settings());
  Rng rng(1);
  for (int i = 0; i < 20'000; ++i) {
    const double time = 0.5 + rng.uniform();
    const auto wait = hedging.wait(0, false);
    if (wait && Seconds(time) > *wait) {
      hedging.given_up(0, false, *wait);
    } else {
      hedging.answered(0, false, Seconds(time));
    }
  }
  EXPECT_NEAR(hedging.wait(0, false)->count(), 1.4, 0.1);
}

TEST(Hedging, ACallThatWasGivenUpEarlySaysNothing) {
  Hedging hedging(1, settings());
  for (int i = 0; i < 20; ++i) hedging.answered(0, false, Seconds(1));
  for (int i = 0; i < 1000; ++i) hedging.given_up(0, false, Seconds(0.1));
  EXPECT_NEAR(hedging.wait(0, false)->count(), 1, 0.1);
}

TEST(Hedging, NoMoreThanItsShareOfTheCalls) {
  Hedging hedging(1, settings());
  EXPECT_FALSE(hedging.take()) << "not before the first calls";
  int hedged = 0;
  for (int i = 0; i < 1000; ++i) {
    hedging.begin();
    if (hedging.take()) ++hedged;
  }
  EXPECT_EQ(hedged, 100);
}

TEST(Hedging, WhatWasNotUsedIsThereForABadMinuteButNoMore) {
  Hedging hedging(1, settings());
  for (int i = 0; i < 1000; ++i) hedging.begin();
  int hedged = 0;
  while (hedging.take()) ++hedged;
  EXPECT_EQ(hedged, 10);
  hedging.give_back();
  EXPECT_TRUE(hedging.take());
  EXPECT_FALSE(hedging.take());
}

}  // namespace
}  // namespace yardmaster::agent
