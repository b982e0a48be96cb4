#include "base/time.h"

#include <gtest/gtest.h>

namespace yardmaster {
namespace {

TEST(Time, Rfc3339ReadsBackToTheMicrosecond) {
  const Timestamp time(std::chrono::microseconds(1'769'860'800'123'456));
  EXPECT_EQ(format_rfc3339(time), "2026-01-31T12:00:00.123456Z");
  ASSERT_TRUE(parse_rfc3339(format_rfc3339(time)));
  EXPECT_EQ(*parse_rfc3339(format_rfc3339(time)), time);
}

TEST(Time, OffsetsAndShortFractionsAreRead) {
  EXPECT_EQ(*parse_rfc3339("2026-01-31T13:30:00.5+01:30"),
            *parse_rfc3339("2026-01-31T12:00:00.500Z"));
  EXPECT_EQ(*parse_rfc3339("2026-01-31t10:00:00-02:00"), *parse_rfc3339("2026-01-31T12:00:00Z"));
}

TEST(Time, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "yesterday", "2026-02-30T00:00:00Z", "2026-01-01T25:00:00Z", "2026-01-01T00:00:00",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00Zx"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

}  // namespace
}  // namespace yardmaster
