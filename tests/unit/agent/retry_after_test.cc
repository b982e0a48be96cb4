#include "agent/http/retry_after.h"

#include <gtest/gtest.h>

namespace yardmaster::agent {
namespace {

using std::chrono::seconds;

/// What the header asks for at the time that RFC 9110 takes for its examples.
std::optional<seconds> wait(std::string_view header) {
  return parse_retry_after(header, *parse_rfc3339("1994-11-06T08:49:30.5Z"));
}

TEST(RetryAfter, SecondsAreTakenAsTheyAre) {
  EXPECT_EQ(wait("0"), seconds(0));
  EXPECT_EQ(wait("120"), seconds(120));
}

TEST(RetryAfter, ADateOfEachFormOfHttpIsTheTimeUntilThen) {
  EXPECT_EQ(wait("Sun, 06 Nov 1994 08:49:37 GMT"), seconds(7));
  EXPECT_EQ(wait("Sunday, 06-Nov-94 08:49:37 GMT"), seconds(7));
  EXPECT_EQ(wait("Sun Nov  6 08:49:37 1994"), seconds(7));
}

TEST(RetryAfter, ADateThatIsPastIsNow) {
  EXPECT_EQ(wait("Sat, 05 Nov 1994 08:49:37 GMT"), seconds(0));
}

TEST(RetryAfter, WhatIsNeitherIsNothing) {
  for (const char* header :
       {"", "-1", "soon", "7 s", "1.5", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49:37 GMT+1",
        "Sun, 31 Feb 1994 08:49:37 GMT", "99999999999999999999"}) {
    EXPECT_EQ(wait(header), std::nullopt) << header;
  }
}

TEST(RetryAfter, ATimeBeyondAllReasonIsCut) {
  EXPECT_EQ(wait("9000000000000000000"), wait("8000000000000000000"));
}

}  // namespace
}  // namespace yardmaster::agent
