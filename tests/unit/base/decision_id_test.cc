#include "base/decision_id.h"

#include <gtest/gtest.h>

namespace yardmaster {
namespace {

TEST(DecisionId, TextFormReadsBackAsTheSameId) {
  Rng rng(7);
  const DecisionId id = DecisionId::make(Timestamp(std::chrono::seconds(1'700'000'000)), rng);
  EXPECT_EQ(id.str().size(), 36u);
  EXPECT_EQ(id.str()[14], '7') << "UUID version";
  ASSERT_TRUE(DecisionId::parse(id.str()));
  EXPECT_EQ(*DecisionId::parse(id.str()), id);
}

TEST(DecisionId, LaterDecisionsSortAfterEarlierOnes) {
  Rng rng(7);
  const DecisionId early = DecisionId::make(Timestamp(std::chrono::milliseconds(5)), rng);
  const DecisionId late = DecisionId::make(Timestamp(std::chrono::milliseconds(6)), rng);
  EXPECT_LT(early, late);
}

TEST(DecisionId, RefusesTextThatIsNoUuid) {
  for (const char* text : {"", "abc", "0190-", "zzzzzzzz-zzzz-7zzz-8zzz-zzzzzzzzzzzz",
                           "01900000000000000000000000000000xxxx"}) {
    const auto id = DecisionId::parse(text);
    ASSERT_FALSE(id) << text;
    EXPECT_EQ(id.error().code, ErrorCode::invalid_argument);
  }
}

}  // namespace
}  // namespace yardmaster
