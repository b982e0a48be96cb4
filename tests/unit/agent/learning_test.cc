#include "agent/learning.h"

#include <gtest/gtest.h>

#include "agent/learner_thread.h"
#include "tests/unit/agent/learning_fixture.h"

namespace yardmaster::agent {
namespace {

class EveryPolicy : public LearningTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(EveryPolicy, RecoveringFromASnapshotAndLearningTheRestEqualsLearningAllFromScratch) {
  const auto before_crash = new_learner(GetParam());
  append_random(300);
  learn_all(*before_crash);
  ASSERT_TRUE(before_crash->save());
  append_random(200);
  learn_all(*before_crash);  // the crash comes before this is saved

  const auto recovered = new_learner(GetParam());
  EXPECT_TRUE(recovered->recover(*store_).empty());
  EXPECT_EQ(recovered->version(), 300u);
  learn_all(*recovered);

  const auto from_scratch = new_learner(GetParam(), "elsewhere");
  learn_all(*from_scratch);
  EXPECT_EQ(recovered->version(), 500u);
  EXPECT_EQ(state_of(*recovered), state_of(*from_scratch));
  EXPECT_EQ(state_of(*recovered), state_of(*before_crash));
}

INSTANTIATE_TEST_SUITE_P(Policies, EveryPolicy, ::testing::ValuesIn(policies::policy_names()),
                         [](const auto& each) { return each.param; });

TEST_F(LearningTest, RowsOfAnotherEncoderOrWithoutFeaturesArePassedOverAndCounted) {
  TrainingRow other_encoder = random_row(rng_);
  other_encoder.features.encoder = "hash";
  TrainingRow other_version = random_row(rng_);
  other_version.features.version = 2;
  TrainingRow without = random_row(rng_);
  without.features = {};
  append({random_row(rng_), other_encoder, other_version, without});
  const auto learner = new_learner("lints");
  learn_all(*learner);
  EXPECT_EQ(learner->version(), 4u);
  EXPECT_EQ(learner->status().learned, 1u);
  EXPECT_EQ(learner->status().passed_over, 3u);
}

TEST_F(LearningTest, ARowThatIsNotFiniteIsRefusedAndTheNextOnesAreLearned) {
  TrainingRow bad = random_row(rng_);
  bad.features.values[2] = std::numeric_limits<float>::quiet_NaN();
  const auto learner = new_learner("lints");
  TrainingRow good = random_row(rng_);
  bad.sequence = 1;
  good.sequence = 2;
  learner->learn(std::vector{bad, good});
  EXPECT_EQ(learner->status().refused, 1u);
  EXPECT_EQ(learner->status().learned, 1u);
  EXPECT_NE(learner->status().last_error.find("row 1"), std::string::npos);
}

TEST_F(LearningTest, ARowIsNeverLearnedTwice) {
  append_random(20);
  const auto learner = new_learner("lints");
  learn_all(*learner);
  const std::string once = state_of(*learner);
  auto rows = store_->rows_after(0, 100);
  ASSERT_TRUE(rows);
  learner->learn(*rows);
  EXPECT_EQ(state_of(*learner), once);
}

TEST_F(LearningTest, TheThreadPublishesWhatItLearnedAndSavesItWhenItStops) {
  std::vector<std::unique_ptr<RouterLearner>> learners;
  learners.push_back(new_learner("lints"));
  PolicySlot slot(learners.front()->publish().value());
  {
    LearnerThreadOptions options;
    options.publish_interval = std::chrono::milliseconds(1);
    LearnerThread thread(std::move(learners), {&slot}, *store_, options);
    append_random(500);
    PolicySlot::Reader reader(slot);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (reader.current().version < 500 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    EXPECT_EQ(reader.current().version, 500u);
  }
  const auto next_run = new_learner("lints");
  next_run->recover(*store_);
  EXPECT_EQ(next_run->version(), 500u);
}

TEST_F(LearningTest, TheThreadsVersionIsThatOfItsLearnersFromTheFirst) {
  append_random(10);
  std::vector<std::unique_ptr<RouterLearner>> learners;
  learners.push_back(new_learner("lints"));
  learn_all(*learners.front());
  PolicySlot slot(learners.front()->publish().value());
  const LearnerThread thread(std::move(learners), {&slot}, *store_, {});
  EXPECT_EQ(thread.version(), 10u);
}

TEST_F(LearningTest, APausedThreadLearnsNothingUntilItIsResumed) {
  std::vector<std::unique_ptr<RouterLearner>> learners;
  learners.push_back(new_learner("lints"));
  PolicySlot slot(learners.front()->publish().value());
  LearnerThread thread(std::move(learners), {&slot}, *store_, {});
  thread.pause();
  append_random(10);
  std::promise<Status> saved;
  thread.checkpoint([&](Status status) { saved.set_value(status); });
  EXPECT_TRUE(saved.get_future().get());
  EXPECT_EQ(thread.version(), 0u);
  thread.resume();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (thread.version() < 10 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(thread.version(), 10u);
}

}  // namespace
}  // namespace yardmaster::agent
