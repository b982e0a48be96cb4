#include "agent/model_health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace yardmaster::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using State = ModelHealth::State;

/// Two models, and a clock that the test moves. Three failures in a row open for 10 s at first.
class Health : public testing::Test {
 protected:
  bool is_down(std::size_t model = 0) const {
    const auto reasons = health_.down(now_);
    return !reasons.empty() && !reasons[model].empty();
  }
  void fail(int times = 1) {
    for (int i = 0; i < times; ++i) health_.failed(0, {.what = "HTTP 500"}, now_);
  }
  State state() const { return health_.status(0, now_).state; }

  ModelHealth health_{2, {3, 0.5, seconds(10), seconds(25)}};
  ModelHealth::Time now_{seconds(1000)};
};

TEST_F(Health, OpensAfterFailuresInARowAndSaysWhy) {
  fail(2);
  EXPECT_FALSE(is_down());
  EXPECT_TRUE(health_.down(now_).empty());
  fail();
  EXPECT_THAT(health_.down(now_)[0], HasSubstr("3 failures in a row, the latest: HTTP 500"));
  EXPECT_THAT(health_.down(now_)[0], HasSubstr("in 10 s"));
  EXPECT_FALSE(is_down(1));
  EXPECT_EQ(state(), State::open);
}

TEST_F(Health, ASuccessBetweenFailuresKeepsItClosed) {
  for (int i = 0; i < 5; ++i) {
    fail(2);
    for (int good = 0; good < 3; ++good) health_.succeeded(0);
  }
  EXPECT_FALSE(is_down());
}

TEST_F(Health, OpensWhereHalfOfTheCallsFail) {
  for (int i = 0; i < 7; ++i) {
    health_.succeeded(0);
    fail();
  }
  EXPECT_FALSE(is_down()) << "14 calls are too few to tell";
  health_.succeeded(0);
  fail();
  EXPECT_THAT(health_.down(now_)[0], HasSubstr("8 of the last 16 calls failed"));
}

TEST_F(Health, ARefusedKeyOpensAtOnce) {
  health_.failed(0, {.what = "HTTP 402", .refused = true}, now_);
  EXPECT_TRUE(is_down());
}

TEST_F(Health, RetryAfterOpensAtOnceForThatTime) {
  health_.failed(0, {.what = "HTTP 429", .wait = seconds(2)}, now_);
  EXPECT_TRUE(is_down());
  now_ += milliseconds(1999);
  EXPECT_TRUE(is_down());
  now_ += milliseconds(1);
  EXPECT_FALSE(is_down());
  health_.failed(0, {.what = "HTTP 429", .wait = seconds(1'000'000)}, now_);
  EXPECT_EQ(health_.status(0, now_).retry_in, ModelHealth::kLongestWait);
}

TEST_F(Health, LetsOneTrialThroughAfterTheTimeAndItsSuccessCloses) {
  fail(3);
  now_ += seconds(10);
  EXPECT_EQ(state(), State::half_open);
  EXPECT_FALSE(is_down());
  health_.begin(0, now_);
  EXPECT_TRUE(is_down()) << "one trial is enough";
  EXPECT_EQ(state(), State::half_open);
  health_.succeeded(0);
  EXPECT_EQ(state(), State::closed);
  fail(2);
  EXPECT_FALSE(is_down()) << "the failures before are forgotten";
}

TEST_F(Health, ATrialThatIsGivenUpLeavesTheNextToAnother) {
  EXPECT_FALSE(health_.begin(0, now_));
  fail(3);
  EXPECT_FALSE(health_.begin(0, now_));
  now_ += seconds(10);
  EXPECT_TRUE(health_.begin(0, now_));
  health_.given_up(0, now_);
  EXPECT_FALSE(is_down());
  EXPECT_EQ(state(), State::half_open);
}

TEST_F(Health, AFailedTrialOpensForTwiceAsLongUpToTheLimit) {
  fail(3);
  now_ += seconds(10);
  for (const int open_s : {20, 25, 25}) {
    health_.begin(0, now_);
    fail();
    EXPECT_EQ(health_.status(0, now_).retry_in, seconds(open_s));
    EXPECT_EQ(state(), State::open);
    now_ += seconds(open_s);
  }
}

TEST_F(Health, ATrialOfWhichNothingIsHeardIsFollowedByAnother) {
  fail(3);
  now_ += seconds(10);
  health_.begin(0, now_);
  now_ += seconds(10);
  EXPECT_FALSE(is_down());
}

/// Model 0 has probes of itself, at least every 30 s.
class ProbedHealth : public Health {
 protected:
  ProbedHealth() { health_.expect_probes(0, ProbeReach::model, seconds(30), std::nullopt); }
};

TEST_F(ProbedHealth, ACircuitWaitsForTheProbeThatClosesIt) {
  EXPECT_FALSE(health_.wants_probe(0, now_)) << "nobody asks of a model that is well";
  fail(3);
  for (int i = 0; i < 100; ++i) {
    now_ += seconds(15);
    ASSERT_TRUE(health_.wants_probe(0, now_));
    ASSERT_TRUE(is_down()) << "no call is the trial";
    EXPECT_FALSE(health_.probe_failed(0, {.what = "HTTP 503"}, now_));
  }
  EXPECT_THAT(health_.status(0, now_).reason, HasSubstr("a probe failed: HTTP 503"));
  EXPECT_TRUE(health_.probed(0));
  EXPECT_EQ(state(), State::closed);
  EXPECT_FALSE(health_.wants_probe(0, now_));
  EXPECT_FALSE(health_.probed(0)) << "it was closed already";
}

TEST_F(ProbedHealth, WhereProbesStayAwayACallTriesIt) {
  fail(3);
  now_ += seconds(39);
  EXPECT_TRUE(is_down());
  now_ += seconds(1);
  EXPECT_FALSE(is_down());
}

TEST_F(ProbedHealth, ARetryAfterHoldsForProbesToo) {
  health_.failed(0, {.what = "HTTP 429", .wait = seconds(100)}, now_);
  now_ += seconds(99);
  EXPECT_FALSE(health_.wants_probe(0, now_));
  now_ += seconds(1);
  EXPECT_TRUE(is_down()) << "the probe comes first";
  EXPECT_TRUE(health_.wants_probe(0, now_));
}

TEST_F(Health, WhatIsTheModelsOwnTakesItsCourseWhateverIsProbedOfItsUpstream) {
  health_.expect_probes(0, ProbeReach::upstream, seconds(30), std::nullopt);
  fail(3);
  EXPECT_FALSE(health_.wants_probe(0, now_));
  EXPECT_FALSE(health_.probed(0));
  now_ += seconds(10);
  EXPECT_FALSE(is_down()) << "one call tries it, as without probes";
  EXPECT_TRUE(health_.begin(0, now_));
  fail();
  health_.failed(0, {.what = "no connection", .wait = seconds(1), .of_upstream = true}, now_);
  now_ += seconds(1);
  EXPECT_TRUE(health_.wants_probe(0, now_));
  EXPECT_TRUE(health_.probed(0));
}

TEST_F(Health, AnIdleModelIsProbedAndOpensByFailedProbesAlone) {
  health_.expect_probes(0, ProbeReach::upstream, seconds(30), seconds(10));
  EXPECT_TRUE(health_.wants_probe(0, now_));
  health_.begin(0, now_);
  EXPECT_FALSE(health_.wants_probe(0, now_ + seconds(9)));
  now_ += seconds(10);
  EXPECT_TRUE(health_.wants_probe(0, now_));
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(health_.probe_failed(0, {.what = "HTTP 500"}, now_));
    EXPECT_FALSE(health_.probed(0)) << "which says nothing of the model";
  }
  EXPECT_TRUE(health_.probe_failed(0, {.what = "HTTP 500"}, now_));
  EXPECT_TRUE(is_down());
  now_ += seconds(1000);
  EXPECT_TRUE(health_.wants_probe(0, now_)) << "whatever the status, it was the upstream's";
  EXPECT_TRUE(health_.probed(0));
}

TEST_F(Health, CallsThatWereUnderWayWhenItOpenedProlongNothing) {
  fail(3);
  now_ += seconds(9);
  fail();
  EXPECT_EQ(health_.status(0, now_).retry_in, seconds(1));
}

}  // namespace
}  // namespace yardmaster::agent
