#include "agent/keys/key_account.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <thread>
#include <vector>

#include "agent/keys/key_charges.h"
#include "agent/keys/key_hold.h"
#include "base/random.h"
#include "base/time.h"

namespace yardmaster::agent {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::seconds;

const Timestamp kNoon = parse_rfc3339("2026-01-31T12:00:00Z").value();

ApiKey limited(std::uint32_t requests, std::uint64_t tokens = 0, double usd = 0) {
  ApiKey key;
  key.name = "app";
  key.requests_per_minute = requests;
  key.tokens_per_minute = tokens;
  key.budget_usd_per_day = usd;
  return key;
}

DecisionId id_of(int number) {
  Rng rng(static_cast<std::uint64_t>(number));
  return DecisionId::make(kNoon, rng);
}

TEST(KeyAccount, RequestsComeBackEvenlyOverTheMinute) {
  KeyAccount account(limited(3));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(account.take_request(kNoon));
  const auto over = account.take_request(kNoon);
  ASSERT_TRUE(over);
  EXPECT_EQ(over->what, OverLimit::What::requests);
  EXPECT_EQ(over->retry_after, seconds(20));
  EXPECT_TRUE(account.take_request(kNoon + seconds(19)));
  EXPECT_FALSE(account.take_request(kNoon + seconds(20)));
  EXPECT_TRUE(account.take_request(kNoon + seconds(20)));
}

TEST(KeyAccount, FeedbackIsTakenByTheValueAndAllOrNothing) {
  ApiKey key;
  key.feedback_per_minute = 60;
  KeyAccount account(key);
  EXPECT_FALSE(account.take_feedback(50, kNoon));
  const auto over = account.take_feedback(11, kNoon);
  ASSERT_TRUE(over);
  EXPECT_EQ(over->what, OverLimit::What::feedback);
  EXPECT_EQ(over->retry_after, seconds(1));
  EXPECT_FALSE(account.take_feedback(10, kNoon)) << "the refused ones took nothing";
  // More than a minute's at once needs all of it, and is paid back.
  EXPECT_FALSE(account.take_feedback(120, kNoon + seconds(60)));
  EXPECT_TRUE(account.take_feedback(1, kNoon + seconds(120)));
  EXPECT_FALSE(account.take_feedback(1, kNoon + seconds(121)));
}

TEST(KeyAccount, TellsWhatIsLeftAndWhenAllOfItIsThereAgain) {
  KeyAccount account(limited(60, 6000));
  EXPECT_FALSE(account.take_request(kNoon));
  EXPECT_FALSE(account.take_tokens(1500, kNoon));
  const KeyStanding standing = account.standing(kNoon);
  EXPECT_EQ(standing.requests->limit, 60u);
  EXPECT_EQ(standing.requests->remaining, 59u);
  EXPECT_EQ(standing.requests->until_full, seconds(1));
  EXPECT_EQ(standing.tokens->limit, 6000u);
  EXPECT_EQ(standing.tokens->remaining, 4500u);
  EXPECT_EQ(standing.tokens->until_full, seconds(15));
  EXPECT_FALSE(KeyAccount(limited(0)).standing(kNoon).requests);
}

TEST(KeyAccount, MoreTokensThanTheWholeLimitNeedAllOfIt) {
  KeyAccount account(limited(0, 1000));
  EXPECT_FALSE(account.take_tokens(5000, kNoon));
  EXPECT_EQ(account.standing(kNoon).tokens->remaining, 0u);
  // 4,000 too many are paid back first.
  EXPECT_TRUE(account.take_tokens(1, kNoon + seconds(239)));
  EXPECT_FALSE(account.take_tokens(1, kNoon + seconds(241)));
}

TEST(KeyAccount, ADaysBudgetIsThereAgainAtMidnight) {
  KeyAccount account(limited(0, 0, 1.0));
  account.charge_usd(0.75, kNoon);
  EXPECT_FALSE(account.take_request(kNoon));
  account.charge_usd(0.5, kNoon);
  const auto over = account.take_request(kNoon);
  ASSERT_TRUE(over);
  EXPECT_EQ(over->what, OverLimit::What::budget);
  EXPECT_EQ(over->retry_after, hours(12));
  EXPECT_FALSE(account.take_request(kNoon + hours(12)));
  account.charge_usd(5, kNoon);  // what a late outcome says of yesterday
  EXPECT_FALSE(account.take_request(kNoon + hours(12)));
}

TEST(KeyAccount, AnotherLimitKeepsWhatWasUsed) {
  KeyAccount account(limited(10, 0, 1.0));
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(account.take_request(kNoon));
  account.charge_usd(2, kNoon);
  account.set_limits(limited(100, 0, 3.0));
  EXPECT_FALSE(account.take_request(kNoon));
  EXPECT_EQ(account.standing(kNoon).requests->remaining, 49u);
  EXPECT_EQ(account.standing(kNoon).spent_today_usd, 2.0);
}

TEST(KeyAccount, AClockThatIsSetBackGivesNothingAndLocksNobodyOut) {
  KeyAccount account(limited(2));
  EXPECT_FALSE(account.take_request(kNoon));
  EXPECT_FALSE(account.take_request(kNoon - hours(1)));
  EXPECT_TRUE(account.take_request(kNoon - hours(1)));
  EXPECT_FALSE(account.take_request(kNoon - hours(1) + seconds(31)));
}

/// Over any span, no more are let in than a full bucket and what flows in.
TEST(KeyAccount, NeverLetsInMoreThanTheRateAllows) {
  EXPECT_TRUE(rc::check([] {
    const auto limit = *rc::gen::inRange<std::uint32_t>(1, 600);
    const auto gaps_ms = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 5000));
    KeyAccount account(limited(limit));
    Timestamp now = kNoon;
    double let_in = 0;
    for (const int gap_ms : gaps_ms) {
      now += std::chrono::milliseconds(gap_ms);
      if (!account.take_request(now)) ++let_in;
      const double minutes = static_cast<double>((now - kNoon).count()) / 60e6;
      RC_ASSERT(let_in <= limit * (1 + minutes) + 1e-6);
    }
  }));
}

TEST(KeyAccount, ThreadsTogetherGetNoMoreThanTheLimit) {
  KeyAccount account(limited(1000));
  std::atomic<int> let_in{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) let_in += account.take_request(kNoon) ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(let_in, 1000);
}

TEST(KeyCharges, AnOutcomeReplacesTheEstimate) {
  auto account = std::make_shared<KeyAccount>(limited(0, 1000, 1.0));
  KeyCharges charges;
  EXPECT_FALSE(account->take_tokens(600, kNoon));
  charges.open(id_of(1), account, 600, 0.5, kNoon);
  EXPECT_EQ(account->standing(kNoon).spent_today_usd, 0.5);
  charges.settle(id_of(1), 200, 0.125, {});
  EXPECT_EQ(account->standing(kNoon).tokens->remaining, 800u);
  EXPECT_EQ(account->standing(kNoon).spent_today_usd, 0.125);
  charges.settle(id_of(1), 0, 0, {});
  charges.settle(id_of(2), 0, 0, {});
  EXPECT_EQ(account->standing(kNoon).spent_today_usd, 0.125);
}

TEST(KeyCharges, WhatCameOfACallIsCountedForItsKey) {
  const auto account = std::make_shared<KeyAccount>(limited(1));
  KeyCharges charges;
  charges.open(id_of(1), account, 600, 0.5, kNoon);
  charges.open(id_of(2), account, 600, 0.5, kNoon);
  Outcome outcome;
  outcome.input_tokens = 20;
  outcome.output_tokens = 30;
  charges.settle(id_of(1), 50, 0.125, outcome);
  charges.settle(id_of(1), 50, 0.125, outcome);
  charges.settle(id_of(2), std::nullopt, std::nullopt, {});
  EXPECT_FALSE(account->take_request(kNoon));
  EXPECT_TRUE(account->take_request(kNoon));
  const KeyUsage usage = account->usage();
  EXPECT_EQ(usage.requests, 2u);
  EXPECT_EQ(usage.rate_limited, 1u);
  EXPECT_EQ(usage.over_budget, 0u);
  EXPECT_EQ(usage.input_tokens, 20u);
  EXPECT_EQ(usage.output_tokens, 30u);
  EXPECT_EQ(usage.cost_usd, 0.625) << "the second as it was expected";
}

TEST(KeyCharges, WhatAnOutcomeDoesNotTellStaysEstimated) {
  auto account = std::make_shared<KeyAccount>(limited(0, 1000, 1.0));
  KeyCharges charges;
  charges.open(id_of(1), account, 600, 0.5, kNoon);
  charges.settle(id_of(1), std::nullopt, std::nullopt, {});
  EXPECT_EQ(account->standing(kNoon).spent_today_usd, 0.5);
}

TEST(KeyCharges, CallsThatHaveEndedPushOutNoneThatIsUnderWay) {
  auto account = std::make_shared<KeyAccount>(limited(0, 1000, 1.0));
  auto other = std::make_shared<KeyAccount>(limited(0));
  KeyCharges charges;
  charges.open(id_of(1), account, 600, 0.5, kNoon);
  Rng rng(2026);
  for (std::size_t i = 0; i < 3 * KeyCharges::kMostOpen; ++i) {
    const DecisionId id = DecisionId::make(kNoon, rng);
    charges.open(id, other, 1, 0, kNoon);
    charges.settle(id, 1, 0, {});
  }
  charges.settle(id_of(1), 600, 0.125, {});
  EXPECT_EQ(account->standing(kNoon).spent_today_usd, 0.125);
}

std::shared_ptr<const ActiveKey> active(const ApiKey& key) {
  return std::make_shared<ActiveKey>(
      ActiveKey{key, std::nullopt, std::make_shared<KeyAccount>(key)});
}

TEST(KeyHold, TokensOfARequestWithoutADecisionAreGivenBack) {
  const auto key = active(limited(0, 1000));
  EXPECT_FALSE(key->account->take_tokens(400, kNoon));
  {
    KeyHold hold(key, 400);
    const KeyHold moved = std::move(hold);
  }
  EXPECT_EQ(key->account->standing(kNoon).tokens->remaining, 1000u);
}

TEST(KeyHold, ADecisionThatStandsInForAFailedOneIsChargedAnew) {
  const auto key = active(limited(0, 1000, 1.0));
  KeyCharges charges;
  EXPECT_FALSE(key->account->take_tokens(400, kNoon));
  KeyHold hold(key, 400);
  Decision decision;
  decision.time = kNoon;
  decision.estimated_cost_usd = 0.25;
  decision.id = id_of(1);
  hold.charge(decision, charges);
  charges.settle(decision.id, 0, 0, {});
  EXPECT_EQ(key->account->standing(kNoon).tokens->remaining, 1000u);
  decision.id = id_of(2);
  hold.charge(decision, charges);
  EXPECT_EQ(key->account->standing(kNoon).tokens->remaining, 600u);
  EXPECT_EQ(key->account->standing(kNoon).spent_today_usd, 0.25);
}

}  // namespace
}  // namespace yardmaster::agent
