#include "agent/model_load.h"

#include <gtest/gtest.h>

namespace yardmaster::agent {
namespace {

using std::chrono::seconds;

constexpr Timestamp kStart{seconds(1'000'000)};

env::ModelSpec spec(std::optional<std::uint32_t> requests, std::optional<std::uint64_t> tokens,
                    std::optional<std::uint32_t> concurrent) {
  env::ModelSpec model;
  model.requests_per_minute = requests;
  model.tokens_per_minute = tokens;
  model.max_concurrent = concurrent;
  return model;
}

/// A model with limits, behind one without.
class Load : public testing::Test {
 protected:
  void limit(env::ModelSpec model) { load_.emplace(std::vector{env::ModelSpec{}, model}); }

  std::string reason(double tokens = 10, Timestamp now = kStart) const {
    std::vector<std::string> reasons;
    load_->add_reasons(tokens, now, reasons);
    EXPECT_EQ(reasons[0], "");
    return reasons[1];
  }

  std::optional<ModelLoad> load_;
};

TEST_F(Load, WithoutLimitsNothingIsSaid) {
  limit({});
  EXPECT_FALSE(load_->has_limits());
  std::vector<std::string> reasons;
  load_->add_reasons(10, kStart, reasons);
  EXPECT_TRUE(reasons.empty());
}

TEST_F(Load, RequestsAreRefilledOverTheMinute) {
  limit(spec(2, {}, {}));
  load_->begin(1, 10, kStart).end();
  EXPECT_EQ(reason(), "");
  load_->begin(1, 10, kStart).end();
  EXPECT_EQ(reason(), "at its limit of 2 requests a minute; again in 30 s");
  EXPECT_EQ(reason(10, kStart + seconds(29)), "at its limit of 2 requests a minute; again in 1 s");
  EXPECT_EQ(reason(10, kStart + seconds(30)), "");
}

TEST_F(Load, ACallMadeAgainCountsTwice) {
  limit(spec(2, {}, {}));
  load_->begin(1, 0, kStart).again();
  EXPECT_EQ(reason(), "at its limit of 2 requests a minute; again in 30 s");
}

TEST_F(Load, TokensAreTakenAsExpectedAndCorrectedByTheAnswer) {
  limit(spec({}, 600, {}));
  auto call = load_->begin(1, 600, kStart);
  EXPECT_EQ(reason(60), "at its limit of 600 tokens a minute; again in 6 s");
  call.used(500);
  EXPECT_EQ(reason(60), "");
  EXPECT_EQ(reason(110), "at its limit of 600 tokens a minute; again in 1 s");
  call.used(900);
  EXPECT_EQ(reason(60), "at its limit of 600 tokens a minute; again in 36 s");
}

TEST_F(Load, AQueryLargerThanTheMinutesTokensNeedsThemAll) {
  limit(spec({}, 600, {}));
  EXPECT_EQ(reason(5000), "");
  load_->begin(1, 60, kStart);
  EXPECT_EQ(reason(5000), "at its limit of 600 tokens a minute; again in 6 s");
}

TEST_F(Load, CallsAtOnceCountUntilTheyEnd) {
  limit(spec({}, {}, 2));
  auto first = load_->begin(1, 10, kStart);
  {
    const auto second = load_->begin(1, 10, kStart);
    EXPECT_EQ(reason(), "at its limit of 2 calls at once");
  }
  EXPECT_EQ(reason(), "");
  auto moved = std::move(first);
  first.end();
  const auto third = load_->begin(1, 10, kStart);
  EXPECT_EQ(reason(), "at its limit of 2 calls at once");
  moved = {};
  EXPECT_EQ(reason(), "");
}

TEST_F(Load, AReasonThatIsThereAlreadyStays) {
  limit(spec(1, {}, {}));
  load_->begin(1, 10, kStart);
  std::vector<std::string> reasons{"", "not healthy"};
  load_->add_reasons(10, kStart, reasons);
  EXPECT_EQ(reasons[1], "not healthy");
}

}  // namespace
}  // namespace yardmaster::agent
