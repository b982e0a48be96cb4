#include "agent/keys/wrong_keys.h"

#include <gtest/gtest.h>

namespace yardmaster::agent {
namespace {

using boost::asio::ip::make_address;
using std::chrono::seconds;

const Timestamp kNoon = parse_rfc3339("2026-01-31T12:00:00Z").value();

TEST(WrongKeys, ASourceThatSentTooManyWaitsAndOthersDoNot) {
  WrongKeys wrong(3, 1);
  const auto guesser = make_address("203.0.113.7");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(wrong.wait(guesser, kNoon), seconds(0)) << i;
    wrong.add(guesser, kNoon);
  }
  EXPECT_EQ(wrong.wait(guesser, kNoon), seconds(20));
  EXPECT_EQ(wrong.wait(make_address("203.0.113.8"), kNoon), seconds(0));
  EXPECT_EQ(wrong.wait(make_address("::ffff:203.0.113.7"), kNoon), seconds(20));
  EXPECT_EQ(wrong.wait(guesser, kNoon + seconds(20)), seconds(0));
}

TEST(WrongKeys, ANetworkOfIPv6IsOneSource) {
  WrongKeys wrong(1, 1);
  wrong.add(make_address("2001:db8:0:1::1"), kNoon);
  EXPECT_GT(wrong.wait(make_address("2001:db8:0:1:ffff::2"), kNoon), seconds(0));
  EXPECT_EQ(wrong.wait(make_address("2001:db8:0:2::1"), kNoon), seconds(0));
}

TEST(WrongKeys, WithoutALimitNobodyWaits) {
  WrongKeys wrong(0, 1);
  for (int i = 0; i < 10; ++i) wrong.add(make_address("203.0.113.7"), kNoon);
  EXPECT_EQ(wrong.wait(make_address("203.0.113.7"), kNoon), seconds(0));
}

TEST(WrongKeys, OneThatSendsMuchIsRememberedBesideManyThatSendLittle) {
  WrongKeys wrong(2, 1);
  const auto guesser = make_address("203.0.113.7");
  for (int i = 0; i < 2; ++i) wrong.add(guesser, kNoon);
  for (std::uint32_t i = 0; i < 10 * WrongKeys::kPlaces; ++i) {
    wrong.add(boost::asio::ip::address_v4((10u << 24) + i), kNoon);
  }
  EXPECT_GT(wrong.wait(guesser, kNoon), seconds(0));
}

}  // namespace
}  // namespace yardmaster::agent
