#include "agent/router.h"

#include <gtest/gtest.h>

#include <cmath>

namespace yardmaster::agent {
namespace {

/// Always the same distribution, or none.
class StatedPolicy final : public policies::Policy {
 public:
  explicit StatedPolicy(std::vector<double> probabilities)
      : probabilities_(std::move(probabilities)) {}

  Status distribution(const env::Observation&, std::span<double> probabilities,
                      std::span<policies::Score>) const override {
    if (probabilities_.size() != probabilities.size()) {
      return fail(ErrorCode::invalid_argument, "no distribution");
    }
    std::copy(probabilities_.begin(), probabilities_.end(), probabilities.begin());
    return {};
  }

 private:
  std::vector<double> probabilities_;
};

env::ModelSpec named(const char* name) {
  env::ModelSpec model;
  model.name = name;
  return model;
}

class RouterTest : public ::testing::Test {
 protected:
  Router router(double share = 1, bool observe = false) const {
    RouterSettings settings;
    settings.name = "auto";
    settings.share = share;
    settings.observe = observe;
    settings.baseline = "b";
    settings.max_cost_weight = 100;
    return Router(settings, pool_, *encoder_, tokens_);
  }

  static PublishedPolicy policy(std::vector<double> probabilities) {
    return {std::make_shared<StatedPolicy>(std::move(probabilities)), 7};
  }

  Routed decide(const Router& router, const PublishedPolicy& policy) {
    RouteRequest request;
    return decide(router, policy, request);
  }

  Routed decide(const Router& router, const PublishedPolicy& policy, RouteRequest& request) {
    request.query = &query_;
    auto routed = router.decide(request, policy, 0, Timestamp(), rng_);
    EXPECT_TRUE(routed) << routed.error().message;
    return std::move(*routed);
  }

  env::ModelPool pool_ = env::ModelPool::make({named("a"), named("b"), named("c")}).value();
  std::unique_ptr<env::Encoder> encoder_ = std::move(env::make_encoder("hash").value());
  env::TokenEstimator tokens_{pool_};
  env::Query query_ = env::query_from_text("why is the sky blue");
  Rng rng_{11};
};

TEST_F(RouterTest, ModelsAreDrawnAsOftenAsTheirLoggedPropensitySays) {
  constexpr int kDraws = 100'000;
  const Router serving = router(0.5);
  const PublishedPolicy stated = policy({0.6, 0.1, 0.3});
  std::array<int, 3> drawn{};
  std::vector<double> propensities;
  for (int i = 0; i < kDraws; ++i) {
    const Routed routed = decide(serving, stated);
    ++drawn[routed.decision->chosen];
    propensities = routed.decision->propensities;
  }
  ASSERT_EQ(propensities.size(), 3u);
  EXPECT_NEAR(propensities[0], 0.3, 1e-12);
  EXPECT_NEAR(propensities[1], 0.55, 1e-12) << "half of the traffic, and its part of the rest";
  EXPECT_NEAR(propensities[2], 0.15, 1e-12);
  for (std::size_t i = 0; i < 3; ++i) {
    const double sd = std::sqrt(propensities[i] * (1 - propensities[i]) / kDraws);
    EXPECT_NEAR(static_cast<double>(drawn[i]) / kDraws, propensities[i], 5 * sd);
  }
}

TEST_F(RouterTest, AModelOfProbabilityZeroIsNeverDrawn) {
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_NE(decide(router(), policy({0.5, 0.0, 0.5})).decision->chosen, 1u);
  }
}

TEST_F(RouterTest, ObservingServesTheBaselineAndLogsThePolicysChoice) {
  const Routed routed = decide(router(1, true), policy({1, 0, 0}));
  EXPECT_EQ(routed.decision->model(), "b");
  EXPECT_EQ(routed.decision->propensity(), 1.0);
  EXPECT_EQ(routed.decision->would_choose, "a");
}

TEST_F(RouterTest, APolicyWithoutAValidDistributionGivesWayToTheBaseline) {
  for (const std::vector<double>& bad :
       {std::vector<double>{}, {0.2, 0.2, 0.2}, {1.5, -0.5, 0}, {NAN, 0.5, 0.5}}) {
    const Routed routed = decide(router(), policy(bad));
    EXPECT_TRUE(routed.policy_failed);
    EXPECT_EQ(routed.decision->model(), "b");
    EXPECT_EQ(routed.decision->propensity(), 1.0);
  }
}

TEST_F(RouterTest, WithoutAnyPolicyTheBaselineServes) {
  const Routed routed = decide(router(), PublishedPolicy{nullptr, 7});
  EXPECT_TRUE(routed.policy_failed);
  EXPECT_EQ(routed.decision->model(), "b");
  EXPECT_EQ(routed.decision->propensity(), 1.0);
}

TEST_F(RouterTest, WhereTheBaselineMayNotServeTheFirstCandidateStandsIn) {
  RouteRequest request;
  request.deny = {"b"};
  request.baseline_only = true;
  EXPECT_EQ(decide(router(), policy({0.5, 0.5}), request).decision->model(), "a");
}

TEST_F(RouterTest, TheDecisionSaysWhatItWasMadeOf) {
  RouteRequest request;
  request.session.given = "s";
  request.cost_weight = 5;
  const Routed routed = decide(router(), policy({1, 0, 0}), request);
  EXPECT_EQ(routed.decision->router, "auto");
  EXPECT_EQ(routed.decision->session_id, "s");
  EXPECT_EQ(routed.decision->weights.cost, 5);
  EXPECT_EQ(routed.decision->policy_version, 7u);
  EXPECT_EQ(routed.decision->features.encoder, "hash");
  EXPECT_EQ(routed.decision->features.values.size(), encoder_->dimension());
  EXPECT_FALSE(routed.decision->query.has_value());
}

TEST(SampleIndex, RoundingShortOfOneStillGivesAPossibleIndex) {
  Rng rng(1);
  const std::vector<double> almost{0.0, 1e-300, 0.0};
  for (int i = 0; i < 100; ++i) EXPECT_EQ(sample_index(almost, rng), 1u);
}

TEST_F(RouterTest, WhileAnEncoderIsToBeSucceededADecisionHasTheFeaturesOfBoth) {
  const auto next = std::move(env::make_encoder("static").value());
  RouterSettings settings;
  settings.name = "auto";
  const Router router(settings, pool_, *encoder_, tokens_, next.get());
  const auto before = decide(router, policy({1, 0, 0})).decision;
  EXPECT_EQ(before->features.encoder, "hash");
  EXPECT_EQ(before->successor_features.encoder, "static");
  EXPECT_EQ(before->successor_features.values.size(), next->dimension());

  PublishedPolicy successors = policy({1, 0, 0});
  successors.successor = true;
  const auto after = decide(router, successors).decision;
  EXPECT_EQ(after->features, before->successor_features);
  EXPECT_EQ(after->successor_features, Features());
}

TEST_F(RouterTest, AQueryThatTheSuccessorsEncoderCouldNotEncodeIsDecidedAllTheSame) {
  const auto next = std::move(env::make_encoder("static").value());
  RouterSettings settings;
  settings.name = "auto";
  const Router router(settings, pool_, *encoder_, tokens_, next.get());
  RouteRequest request;
  request.successor_features.emplace();
  const Routed routed = decide(router, policy({0, 0, 1}), request);
  EXPECT_FALSE(routed.policy_failed);
  EXPECT_EQ(routed.decision->model(), "c");
  EXPECT_EQ(routed.decision->successor_features, Features());
}

}  // namespace
}  // namespace yardmaster::agent
