// What every policy must do, run for each name of the registry.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <sstream>

#include "base/random.h"
#include "policies/policy.h"
#include "tests/unit/policies/observation_builder.h"

namespace yardmaster::policies {
namespace {

constexpr std::size_t kDimension = 6;
constexpr double kFloor = 0.01;

PolicyOptions options_for(std::size_t models) {
  PolicyOptions options;
  options.dimension = kDimension;
  options.models = model_names(models);
  options.exploration_floor = kFloor;
  return options;
}

std::unique_ptr<Learner> make(const std::string& name, std::size_t models = 4) {
  return std::move(make_learner(name, options_for(models)).value());
}

std::vector<float> random_features(Rng& rng) {
  std::vector<float> out(kDimension);
  for (float& value : out) value = static_cast<float>(0.4 * rng.normal());
  return out;
}

/// Learns `rows` rows with random features, models and values.
void learn_random_rows(Learner& learner, std::size_t models, int rows, Rng& rng,
                       std::uint64_t first = 1) {
  const auto names = model_names(models);
  for (int i = 0; i < rows; ++i) {
    auto row = quality_row(first + static_cast<std::uint64_t>(i), random_features(rng),
                           names[rng.below(models)], rng.uniform());
    row.outcomes[0].cost_usd = 0.01 * rng.uniform();
    ASSERT_TRUE(learner.learn(row));
  }
}

std::vector<double> distribution(const Policy& policy, const env::Observation& observation) {
  std::vector<double> out(observation.candidates.size());
  const auto made = policy.distribution(observation, out, {});
  EXPECT_TRUE(made) << made.error().message;
  return out;
}

bool is_valid(const std::vector<double>& p, double floor) {
  double sum = 0;
  for (const double value : p) {
    if (!(value >= floor / static_cast<double>(p.size()))) return false;
    sum += value;
  }
  return std::abs(sum - 1) < 1e-9;
}

class PolicySuite : public testing::TestWithParam<std::string> {
 protected:
  bool learns() const { return GetParam() != "fixed" && GetParam() != "random"; }
  double floor() const { return GetParam() == "fixed" ? 0 : kFloor; }
};

TEST_P(PolicySuite, GivesAValidDistributionForAnySubsetOfCandidatesAtAnyTime) {
  const bool holds = rc::check([&] {
    Rng rng(*rc::gen::arbitrary<std::uint64_t>());
    auto learner = make(GetParam(), 8);
    learn_random_rows(*learner, 8, *rc::gen::inRange(0, 60), rng);
    std::vector<std::string> subset;
    for (const std::string& name : model_names(10)) {
      if (*rc::gen::arbitrary<bool>()) subset.push_back(name);
    }
    if (subset.empty()) subset.push_back("m9");  // never seen before
    ObservationBuilder builder(random_features(rng), subset);
    for (auto& candidate : builder.candidates()) {
      candidate.price_reference = *rc::gen::element(0.0, 1e-5, 0.01);
      candidate.estimated_cost_usd = *rc::gen::element(0.0, 1e-4);
    }
    const ObjectiveWeights weights{*rc::gen::element(0.0, 30.0, 1e6), *rc::gen::element(0.0, 0.1)};
    const auto decisions = *rc::gen::element<std::uint64_t>(0, 1, 1000, 1'000'000'000);
    RC_ASSERT(is_valid(distribution(learner->live(), builder.at(decisions, weights)), floor()));
  });
  EXPECT_TRUE(holds);
}

TEST_P(PolicySuite, IsAFunctionOfItsOptionsAndRows) {
  auto a = make(GetParam()), b = make(GetParam());
  Rng rows_a(1), rows_b(1), features(2);
  learn_random_rows(*a, 4, 300, rows_a);
  learn_random_rows(*b, 4, 300, rows_b);
  const ObservationBuilder builder(random_features(features), model_names(4));
  EXPECT_EQ(distribution(a->live(), builder.at(300)), distribution(b->live(), builder.at(300)));
}

TEST_P(PolicySuite, ContinuesBitForBitAfterSaveAndLoad) {
  auto original = make(GetParam()), restored = make(GetParam());
  Rng rng(3);
  learn_random_rows(*original, 5, 200, rng);
  std::stringstream state;
  ASSERT_TRUE(original->save(state));
  const auto loaded = restored->load(state);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(restored->arms(), original->arms());
  Rng more_a(4), more_b(4), features(5);
  learn_random_rows(*original, 6, 100, more_a, 201);
  learn_random_rows(*restored, 6, 100, more_b, 201);
  const ObservationBuilder builder(random_features(features), model_names(6));
  EXPECT_EQ(distribution(original->live(), builder.at(300, {30, 0})),
            distribution(restored->live(), builder.at(300, {30, 0})));
}

TEST_P(PolicySuite, ADamagedStateIsRefusedAndChangesNothing) {
  auto learner = make(GetParam());
  Rng rng(6);
  learn_random_rows(*learner, 4, 50, rng);
  const ObservationBuilder builder(random_features(rng), model_names(4));
  const auto before = distribution(learner->live(), builder.at(50));
  std::stringstream state;
  ASSERT_TRUE(learner->save(state));
  const std::string bytes = state.str();
  for (const std::string& damaged :
       {std::string(), std::string("nonsense"), bytes.substr(0, bytes.size() / 2)}) {
    std::istringstream in(damaged);
    const auto loaded = learner->load(in);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ErrorCode::corrupt);
  }
  EXPECT_EQ(distribution(learner->live(), builder.at(50)), before);
}

TEST_P(PolicySuite, ASnapshotDecidesAsTheLearnerDidWhenItWasTaken) {
  auto learner = make(GetParam());
  Rng rng(7);
  learn_random_rows(*learner, 4, 200, rng);
  const ObservationBuilder builder(random_features(rng), model_names(5));
  const auto snapshot = learner->snapshot();
  const auto live = distribution(learner->live(), builder.at(200, {30, 0}));
  learn_random_rows(*learner, 6, 100, rng, 201);
  learner->remove_arm("m0");
  const auto kept = distribution(*snapshot, builder.at(200, {30, 0}));
  for (std::size_t i = 0; i < live.size(); ++i) EXPECT_NEAR(kept[i], live[i], 1e-5);
}

TEST_P(PolicySuite, LearnsAPlantedBestModel) {
  if (!learns()) GTEST_SKIP() << GetParam() << " does not learn";
  auto learner = make(GetParam());
  const auto names = model_names(4);
  Rng rng(8);
  double last = 0;
  for (std::uint64_t t = 0; t < 2000; ++t) {
    const ObservationBuilder builder(random_features(rng), names);
    const auto p = distribution(learner->live(), builder.at(t));
    double left = rng.uniform();
    std::size_t chosen = 0;
    while (chosen + 1 < p.size() && left >= p[chosen]) left -= p[chosen++];
    const double mean = chosen == 2 ? 0.9 : 0.4;
    auto row =
        quality_row(t + 1, random_features(rng), names[chosen], rng.uniform() < mean ? 1 : 0);
    ASSERT_TRUE(learner->learn(row));
    if (t >= 1800) last += p[2] / 200;
  }
  EXPECT_GT(last, 0.8);
}

TEST_P(PolicySuite, LearnsWhichModelIsBestForWhichQuery) {
  if (!learns()) GTEST_SKIP() << GetParam() << " does not learn";
  auto learner = make(GetParam(), 2);
  const auto names = model_names(2);
  Rng rng(9);
  double last = 0;
  for (std::uint64_t t = 0; t < 3000; ++t) {
    auto features = random_features(rng);
    const std::size_t best = t % 2;
    features[0] = best == 0 ? 0.7F : -0.7F;
    const ObservationBuilder builder(features, names);
    const auto p = distribution(learner->live(), builder.at(t));
    const std::size_t chosen = rng.uniform() < p[0] ? 0 : 1;
    const double mean = chosen == best ? 0.9 : 0.3;
    ASSERT_TRUE(
        learner->learn(quality_row(t + 1, features, names[chosen], rng.uniform() < mean ? 1 : 0)));
    if (t >= 2500) last += p[best] / 500;
  }
  EXPECT_GT(last, 0.8);
}

TEST_P(PolicySuite, SurvivesArmsAddedAndRemovedWhileRunning) {
  auto learner = make(GetParam());
  Rng rng(10);
  learn_random_rows(*learner, 4, 100, rng);
  learner->add_arm("new");
  learner->add_arm("new");
  learner->remove_arm("m1");
  learner->remove_arm("m1");
  learner->remove_arm("never there");
  EXPECT_EQ(learner->arms(), (std::vector<std::string>{"m0", "m2", "m3", "new"}));
  learn_random_rows(*learner, 4, 100, rng, 101);  // brings m1 back
  const std::vector<std::string> names{"m0", "m1", "new", "unheard of"};
  const ObservationBuilder builder(random_features(rng), names);
  EXPECT_TRUE(is_valid(distribution(learner->live(), builder.at(200)), floor()));
}

TEST_P(PolicySuite, RefusesInputThatIsNotFiniteAndLearnsNothingOfIt) {
  auto learner = make(GetParam());
  Rng rng(11);
  learn_random_rows(*learner, 4, 50, rng);
  const auto features = random_features(rng);
  const ObservationBuilder good(features, model_names(4));
  const auto before = distribution(learner->live(), good.at(50, {30, 0}));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();

  std::vector<TrainingRow> bad(6, quality_row(51, features, "m0", 0.5));
  bad[0].features.values[3] = nan;
  bad[1].outcomes[0].quality = nan;
  bad[2].outcomes[0].cost_usd = infinity;
  bad[3].outcomes[0].latency_s = -infinity;
  bad[4].features.values.pop_back();
  bad[5].replaces = bad[1].outcomes[0];
  for (const TrainingRow& row : bad) {
    const auto learned = learner->learn(row);
    ASSERT_FALSE(learned);
    EXPECT_EQ(learned.error().code, ErrorCode::invalid_argument);
  }
  EXPECT_EQ(distribution(learner->live(), good.at(50, {30, 0})), before);

  std::vector<double> out(4);
  const auto refuses = [&](const ObservationBuilder& builder, ObjectiveWeights weights,
                           std::span<double> probabilities) {
    const auto made = learner->live().distribution(builder.at(50, weights), probabilities, {});
    return !made && made.error().code == ErrorCode::invalid_argument;
  };
  auto nan_features = features;
  nan_features[0] = nan;
  EXPECT_TRUE(refuses({nan_features, model_names(4)}, {0, 0}, out));
  EXPECT_TRUE(refuses(good, {infinity, 0}, out));
  EXPECT_TRUE(refuses(good, {0, 0}, std::span(out).first(3)));
  EXPECT_TRUE(refuses({features, {}}, {0, 0}, {}));
}

TEST_P(PolicySuite, GivesASingleCandidateEverything) {
  auto learner = make(GetParam());
  const std::vector<std::string> names{"only"};
  const ObservationBuilder builder(std::vector<float>(kDimension), names);
  EXPECT_NEAR(distribution(learner->live(), builder.at(0))[0], 1, 1e-12);
}

TEST_P(PolicySuite, ServesTwoHundredModels) {
  auto learner = make(GetParam(), 200);
  Rng rng(12);
  learn_random_rows(*learner, 200, 400, rng);
  const auto names = model_names(200);
  const ObservationBuilder builder(random_features(rng), names);
  EXPECT_TRUE(is_valid(distribution(learner->live(), builder.at(400, {30, 0})), floor()));
}

TEST_P(PolicySuite, StandsConstantFeaturesAndRepeatedRows) {
  auto learner = make(GetParam());
  const std::vector<float> same(kDimension, 0.5F);
  for (std::uint64_t t = 1; t <= 5000; ++t) {
    ASSERT_TRUE(learner->learn(quality_row(t, same, "m0", 1)));
  }
  const ObservationBuilder builder(same, model_names(4));
  EXPECT_TRUE(is_valid(distribution(learner->live(), builder.at(5000)), floor()));
}

TEST_P(PolicySuite, StandsWildlyScaledValues) {
  auto learner = make(GetParam());
  const auto names = model_names(4);
  Rng rng(13);
  for (std::uint64_t t = 1; t <= 500; ++t) {
    auto features = random_features(rng);
    for (float& value : features) value *= static_cast<float>(std::pow(10, rng.below(40)) * 1e-20);
    auto row = quality_row(t, features, names[rng.below(4)], rng.uniform());
    row.outcomes[0].cost_usd = std::pow(10, 8.0 - static_cast<double>(rng.below(20)));
    row.outcomes[0].latency_s = std::pow(10, 8.0 - static_cast<double>(rng.below(20)));
    row.outcomes[0].price_reference = rng.below(2) == 0 ? 0 : 1e-9;
    ASSERT_TRUE(learner->learn(row));
    const ObservationBuilder builder(features, names);
    ASSERT_TRUE(is_valid(distribution(learner->live(), builder.at(t, {30, 1})), floor()));
  }
}

TEST_P(PolicySuite, IsSampledFromWithThePropensitiesThatItStates) {
  auto learner = make(GetParam());
  Rng rng(14);
  learn_random_rows(*learner, 4, 60, rng);
  const ObservationBuilder builder(random_features(rng), model_names(4));
  const auto p = distribution(learner->live(), builder.at(60));
  std::vector<double> drawn(4);
  constexpr int kDraws = 1'000'000;
  for (int draw = 0; draw < kDraws; ++draw) {
    double left = rng.uniform();
    std::size_t chosen = 0;
    while (chosen + 1 < p.size() && left >= p[chosen]) left -= p[chosen++];
    drawn[chosen] += 1.0 / kDraws;
  }
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(drawn[i], p[i], 0.003);
}

INSTANTIATE_TEST_SUITE_P(Policies, PolicySuite, testing::ValuesIn(policy_names()),
                         [](const auto& suite) { return suite.param; });

}  // namespace
}  // namespace yardmaster::policies
