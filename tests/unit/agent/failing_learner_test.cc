// Learners that fail, and what keeps going.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

#include "agent/learner_thread.h"
#include "tests/unit/agent/learning_fixture.h"

namespace yardmaster::agent {
namespace {

using testing::HasSubstr;

/// A learner that breaks at the row it is told: throws there, or has no valid distribution from
/// there up to the row that mends it.
struct Breakage {
  std::uint64_t throws_at = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t invalid_from = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t valid_again = std::numeric_limits<std::uint64_t>::max();
};

class BreakingLearner final : public policies::Learner {
 public:
  explicit BreakingLearner(Breakage breakage) : breakage_(breakage) {}

  Status learn(const TrainingRow& row) override {
    if (row.sequence >= breakage_.throws_at) throw std::runtime_error("the device is gone");
    learned_ = row.sequence;
    return {};
  }
  const policies::Policy& live() const override { return policy_; }
  std::shared_ptr<const policies::Policy> snapshot() const override {
    const bool valid = learned_ < breakage_.invalid_from || learned_ >= breakage_.valid_again;
    return std::make_shared<Even>(valid ? 1 : std::numeric_limits<double>::quiet_NaN());
  }
  void add_arm(std::string_view) override {}
  void remove_arm(std::string_view) override {}
  std::vector<std::string> arms() const override { return {"a", "b"}; }
  Status save(std::ostream&) const override { return {}; }
  Status load(std::istream&) override { return {}; }

 private:
  /// Equal probabilities that sum to `total`.
  class Even final : public policies::Policy {
   public:
    explicit Even(double total) : total_(total) {}
    Status distribution(const env::Observation&, std::span<double> probabilities,
                        std::span<policies::Score>) const override {
      for (double& each : probabilities) each = total_ / static_cast<double>(probabilities.size());
      return {};
    }

   private:
    double total_;
  };

  Breakage breakage_;
  std::uint64_t learned_ = 0;
  Even policy_{1};
};

class FailingLearner : public LearningTest {
 protected:
  std::unique_ptr<RouterLearner> breaking(Breakage breakage) {
    return RouterLearner::make(spec("lints"), std::make_unique<BreakingLearner>(breakage),
                               dir_.path() / "breaking", 3);
  }
};

TEST_F(FailingLearner, OneThatThrowsStopsBeforeThatRowAndSaysSo) {
  append_random(10);
  const auto learner = breaking({.throws_at = 6});
  EXPECT_TRUE(learner->healthy());
  learn_all(*learner);
  EXPECT_EQ(learner->version(), 5u);
  EXPECT_FALSE(learner->healthy());
  EXPECT_TRUE(learner->status().failed);
  EXPECT_THAT(learner->status().last_error, HasSubstr("row 6"));
  EXPECT_FALSE(learner->publish());
}

TEST_F(FailingLearner, AStateWithoutAValidDistributionIsNotPublishedAndALaterValidOneIs) {
  const auto learner = breaking({.invalid_from = 3, .valid_again = 6});
  append_random(4);
  learn_all(*learner);
  const auto invalid = learner->publish();
  ASSERT_FALSE(invalid);
  EXPECT_THAT(invalid.error().message, HasSubstr("at version 4 is not valid"));
  EXPECT_FALSE(learner->healthy());
  append_random(2);
  learn_all(*learner);
  EXPECT_TRUE(learner->publish());
  EXPECT_TRUE(learner->healthy());
}

TEST_F(FailingLearner, TheOthersAreBroughtUpToDateAtTheStartAllTheSame) {
  append_random(2'000);
  std::vector<std::unique_ptr<RouterLearner>> learners;
  learners.push_back(breaking({.throws_at = 1'500}));
  learners.push_back(new_learner("lints"));
  const Status learned = learn_to_head(learners, *store_, nullptr);
  EXPECT_TRUE(learned);
  EXPECT_EQ(learners[0]->version(), 1'499u);
  EXPECT_EQ(learners[1]->version(), 2'000u);
}

TEST_F(FailingLearner, InTheThreadTheOthersLearnOnAndItsLastPolicyStays) {
  std::vector<std::unique_ptr<RouterLearner>> learners;
  learners.push_back(breaking({.throws_at = 1}));
  learners.push_back(new_learner("lints"));
  PolicySlot stopped(learners[0]->publish().value());
  PolicySlot going(learners[1]->publish().value());
  LearnerThreadOptions options;
  options.publish_interval = std::chrono::milliseconds(1);
  LearnerThread thread(std::move(learners), {&stopped, &going}, *store_, options);
  append_random(100);
  PolicySlot::Reader reader(going);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (reader.current().version < 100 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(reader.current().version, 100u);
  EXPECT_FALSE(thread.learners()[0]->healthy());
  PolicySlot::Reader last(stopped);
  EXPECT_EQ(last.current().version, 0u);
  EXPECT_NE(last.current().policy, nullptr);
}

}  // namespace
}  // namespace yardmaster::agent
