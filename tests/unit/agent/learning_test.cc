#include "agent/learning.h"

#include <gtest/gtest.h>

#include <thread>

#include "agent/learner_thread.h"
#include "env/encoder.h"
#include "env/query.h"
#include "tests/common/background_work.h"
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

TEST_F(LearningTest, AStartThatIsStoppedKeepsWhatItLearned) {
  append_random(3'000);
  std::vector<std::unique_ptr<RouterLearner>> learners;
  learners.push_back(new_learner("lints"));
  std::stop_source stop;
  auto stop_after_some = [&](std::uint64_t done, std::uint64_t) {
    if (done > 0) stop.request_stop();
  };
  const Status stopped = learn_to_head(learners, *store_, stop_after_some, stop.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::unavailable);
  const std::uint64_t reached = learners[0]->version();
  EXPECT_GT(reached, 0u);
  EXPECT_LT(reached, 3'000u);

  learners[0] = new_learner("lints");
  learners[0]->recover(*store_);
  EXPECT_EQ(learners[0]->version(), reached);
  EXPECT_TRUE(learn_to_head(learners, *store_, nullptr));
  EXPECT_EQ(learners[0]->version(), 3'000u);
}

TEST_F(LearningTest, ARowOfTwoEncodersTeachesTheLearnersOfBoth) {
  LearningSpec other = spec("lints");
  other.encoder = "other";
  other.successor = true;
  auto make = [&](const LearningSpec& which, const char* folder) {
    return std::move(RouterLearner::make(which, dir_.path() / folder, 3).value());
  };
  std::vector<TrainingRow> both, firsts, seconds;
  for (std::uint64_t i = 1; i <= 50; ++i) {
    TrainingRow row = random_row(rng_);
    row.sequence = i;
    row.successor_features = {"other", 1, {1, 2, 3, static_cast<float>(i)}};
    both.push_back(row);
    seconds.push_back(row);
    seconds.back().features = row.successor_features;
    row.successor_features = {};
    firsts.push_back(row);
  }
  const auto old = make(spec("lints"), "a"), next = make(other, "a");
  old->learn(both);
  next->learn(both);
  const auto old_alone = make(spec("lints"), "b"), next_alone = make(other, "b");
  old_alone->learn(firsts);
  next_alone->learn(seconds);
  EXPECT_EQ(next->status().learned, 50u);
  EXPECT_EQ(state_of(*old), state_of(*old_alone));
  EXPECT_EQ(state_of(*next), state_of(*next_alone));
}

/// A decision on a query with the features of encoder "test", complete.
class EarlierRows : public LearningTest {
 protected:
  static constexpr const char* kText = "Why is the sky blue?";

  void SetUp() override {
    LearningTest::SetUp();
    encoder_ = std::move(env::make_encoder("hash").value());
    for (const bool kept : {true, false}) {
      Decision decision;
      decision.id = DecisionId::make(system_clock_now(), rng_);
      decision.time = system_clock_now();
      if (kept) decision.query = kText;
      decision.features = {"test", 1, std::vector<float>(kDimension, 0.5F)};
      decision.candidates = {"a", "b"};
      decision.propensities = {0.5, 0.5};
      std::promise<Status> decided, ended;
      store_->append_decision(decision, [&](Status status) { decided.set_value(status); });
      ASSERT_TRUE(decided.get_future().get());
      Outcome outcome;
      outcome.status = Outcome::Status::error;  // complete without feedback
      outcome.time = decision.time;
      store_->append_outcome(decision.id, outcome, "",
                             [&](Status status) { ended.set_value(status); });
      ASSERT_TRUE(ended.get_future().get());
    }
  }

  LearningSpec successor(std::uint64_t encode_rows_to) const {
    LearningSpec out = spec("lints");
    out.encoder = encoder_->name();
    out.encoder_version = encoder_->version();
    out.options.dimension = encoder_->dimension();
    out.text_encoder = encoder_.get();
    out.encode_rows_to = encode_rows_to;
    return out;
  }

  /// What a learner's state is after rows with these features and the stored outcomes.
  std::string state_after(const std::vector<std::vector<float>>& features) {
    auto rows = store_->rows_after(0, 10).value();
    EXPECT_EQ(rows.size(), features.size());
    for (std::size_t i = 0; i < features.size(); ++i) {
      rows[i].features = {std::string(encoder_->name()), encoder_->version(), features[i]};
    }
    auto learner = std::move(RouterLearner::make(successor(0), dir_.path() / "x", 3).value());
    learner->learn(rows);
    return state_of(*learner);
  }

  std::unique_ptr<env::Encoder> encoder_;
};

TEST_F(EarlierRows, AreEncodedAnewWhereTheStoreHasTheTextAndAreMeanQueriesElsewhere) {
  std::vector<float> encoded(encoder_->dimension()), zeros(encoder_->dimension());
  encoder_->encode(env::query_from_text(kText), encoded);
  auto learner = std::move(RouterLearner::make(successor(2), dir_.path() / "y", 3).value());
  learner->recover(*store_);
  learn_all(*learner);
  EXPECT_EQ(learner->status().learned, 2u);
  EXPECT_EQ(state_of(*learner), state_after({encoded, zeros}));
}

TEST_F(EarlierRows, ArePassedOverWhereTheEncoderIsNotNew) {
  auto learner = std::move(RouterLearner::make(successor(0), dir_.path() / "z", 3).value());
  learner->recover(*store_);
  learn_all(*learner);
  EXPECT_EQ(learner->status().passed_over, 2u);
}

TEST_F(LearningTest, ASuccessorsSnapshotsAreItsOwnUntilItServes) {
  LearningSpec other = spec("lints");
  other.encoder = "other";
  const auto serving = new_learner("lints");
  other.successor = true;
  auto next = std::move(RouterLearner::make(other, dir_.path() / "snapshots", 3).value());
  append_random(10);
  for (RouterLearner* each : {serving.get(), next.get()}) {
    each->recover(*store_);
    learn_all(*each);
    ASSERT_TRUE(each->save());
  }
  EXPECT_TRUE(std::filesystem::exists(dir_.path() / "snapshots" / "auto~next-10.snapshot"));
  EXPECT_EQ(serving->status().snapshots.size(), 1u);

  append_random(1);
  learn_all(*next);
  ASSERT_TRUE(next->save_as_the_routers());
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "snapshots" / "auto~next-10.snapshot"));
  other.successor = false;
  auto after = std::move(RouterLearner::make(other, dir_.path() / "snapshots", 3).value());
  EXPECT_TRUE(after->recover(*store_).empty());
  EXPECT_EQ(after->version(), 11u);
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

TEST_F(LearningTest, TheThreadSaysThatThereIsBackgroundWorkUntilItHasNone) {
  std::vector<std::unique_ptr<RouterLearner>> learners;
  learners.push_back(new_learner("lints"));
  PolicySlot slot(learners.front()->publish().value());
  LearnerThread thread(std::move(learners), {&slot}, *store_, {});
  const BackgroundWork& background = store_->background_work();
  EXPECT_TRUE(test::ends(background));
  std::promise<bool> during;
  thread.status([&](const auto&) { during.set_value(background.under_way()); });
  EXPECT_TRUE(during.get_future().get());
  append_random(300);
  EXPECT_TRUE(test::ends(background));
  thread.pause();
  append_random(10);  // which wait
  EXPECT_TRUE(test::ends(background));
  thread.stop();
  thread.resume();  // nobody is there to do anything
  EXPECT_TRUE(test::ends(background));
}

}  // namespace
}  // namespace yardmaster::agent
