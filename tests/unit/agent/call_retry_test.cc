#include "agent/call_retry.h"

#include <gtest/gtest.h>

namespace yardmaster::agent {
namespace {

using std::chrono::milliseconds;

constexpr RetrySettings kSettings{
    .max_retries = 2, .backoff = milliseconds(100), .max_wait = milliseconds(1000)};
constexpr RetryCase kUnsent{.unsent = true};
constexpr milliseconds kLong{60'000};

RetryCase told(int wait_ms) { return {.retry_after = milliseconds(wait_ms)}; }

TEST(CallRetry, WhatMayHaveBeenDoneIsNotDoneAgain) {
  EXPECT_EQ(wait_before_retry(kSettings, {}, 0, kLong, 0), std::nullopt);
}

TEST(CallRetry, WithoutAConnectionTheWaitDoublesAndHalfOfItIsRandom) {
  EXPECT_EQ(wait_before_retry(kSettings, kUnsent, 0, kLong, 0), milliseconds(50));
  EXPECT_EQ(wait_before_retry(kSettings, kUnsent, 0, kLong, 1), milliseconds(100));
  EXPECT_EQ(wait_before_retry(kSettings, kUnsent, 1, kLong, 1), milliseconds(200));
}

TEST(CallRetry, NobodyComesBackAheadOfTheRetryAfterNorAllAtOnce) {
  EXPECT_EQ(wait_before_retry(kSettings, told(1000), 0, kLong, 0), milliseconds(1000));
  EXPECT_EQ(wait_before_retry(kSettings, told(1000), 0, kLong, 0.5), milliseconds(1050));
}

TEST(CallRetry, ALongRetryAfterIsNotWaitedFor) {
  EXPECT_EQ(wait_before_retry(kSettings, told(1001), 0, kLong, 0), std::nullopt);
}

TEST(CallRetry, TheNumberOfCallsAndTheDeadlineBoundIt) {
  EXPECT_EQ(wait_before_retry(kSettings, kUnsent, 2, kLong, 0), std::nullopt);
  EXPECT_EQ(wait_before_retry({.max_retries = 0}, kUnsent, 0, kLong, 0), std::nullopt);
  EXPECT_EQ(wait_before_retry(kSettings, kUnsent, 0, milliseconds(50), 0), std::nullopt);
  EXPECT_EQ(wait_before_retry(kSettings, kUnsent, 0, milliseconds(51), 0), milliseconds(50));
}

}  // namespace
}  // namespace yardmaster::agent
