#include <gmock/gmock.h>

#include <filesystem>

#include "env/encoder.h"
#include "tests/integration/daemon_fixture.h"

namespace yardmaster {
namespace {

using ::testing::HasSubstr;

using Daemon = test::DaemonFixture;

TEST_F(Daemon, RoutesAQueryAndTheDecisionCanBeReadBack) {
  start();
  const Reply reply = post("/v1/route", R"({"query": "Write a sorting function in C"})");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  const std::string id = text(reply, "decision_id");
  EXPECT_EQ(reply.header("x-yardmaster-decision-id"), id);
  EXPECT_EQ(reply.header("x-yardmaster-model"), text(reply, "model"));
  EXPECT_FALSE(reply.header("x-yardmaster-overhead-us").empty());

  const Reply record = get("/v1/decisions/" + id);
  ASSERT_EQ(record.status, 200u) << record.text;
  EXPECT_EQ(text(record, "model"), text(reply, "model"));
  EXPECT_FALSE(record.json().contains("query")) << "texts are kept only where the config says so";
  double sum = 0;
  const auto candidates = record.json().at("candidates").as_array();
  const auto propensities = record.json().at("propensities").as_array();
  ASSERT_EQ(candidates.size(), propensities.size());
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    sum += propensities[i].to_number<double>();
    if (candidates[i].as_string() == text(reply, "model").c_str()) {
      EXPECT_EQ(propensities[i].to_number<double>(),
                reply.json().at("propensity").to_number<double>());
    }
  }
  EXPECT_NEAR(sum, 1, 1e-9);
}

TEST_F(Daemon, RoutesByASlowEncoderToo) {
  // In a folder of its own, since the projection is written beside the weights.
  const auto folder = dir_.path() / "minilm";
  std::filesystem::copy(YARDMASTER_SOURCE_DIR "/tests/unit/env/minilm_fixture", folder);
  const std::size_t dimension = env::make_encoder("minilm:" + folder.string()).value()->dimension();
  start("routers: [{name: auto, encoder: \"minilm:" + folder.string() + "\"}]\n");
  for (int i = 0; i < 2; ++i) {  // from the network, then from the cache
    const Reply reply = post("/v1/route", R"({"query": "Explain heat and light"})");
    ASSERT_EQ(reply.status, 200u) << reply.text;
    EXPECT_EQ(reply.header("x-yardmaster-degraded"), "");
    const Reply record = get("/v1/decisions/" + text(reply, "decision_id"));
    const auto features = record.json().at("features").as_object();
    EXPECT_EQ(features.at("encoder").as_string(), "minilm");
    EXPECT_EQ(features.at("values").as_array().size(), dimension);
  }
}

TEST_F(Daemon, ExplainsEveryCandidateAndEveryModelLeftOut) {
  start();
  const std::string long_query(30'000, 'x');
  const Reply reply = post("/v1/route", R"({"query": ")" + long_query + R"(", "explain": true})");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  const auto body = reply.json();
  EXPECT_EQ(body.at("candidates").as_array().size(), 2u);
  EXPECT_TRUE(body.at("candidates").as_array()[0].as_object().contains("expected"));
  ASSERT_EQ(body.at("filtered").as_array().size(), 1u);
  EXPECT_EQ(body.at("filtered").as_array()[0].as_object().at("model").as_string(), "small");
}

TEST_F(Daemon, APolicyThatExpectsNothingClaimsNothing) {
  start("routers: [{name: auto, policy: random}]\n");
  const auto body = post("/v1/route", R"({"query": "hi", "explain": true})").json();
  for (const auto& candidate : body.at("candidates").as_array()) {
    EXPECT_FALSE(candidate.as_object().contains("expected"));
  }
}

TEST_F(Daemon, AllowAndDenyListsOfTheRequestBoundTheChoice) {
  start();
  for (int i = 0; i < 5; ++i) {
    const Reply allowed = post(
        "/v1/route", R"({"query": "hi"})",
        {{"x-yardmaster-allow-models", "large, offline"}, {"x-yardmaster-deny-models", "large"}});
    ASSERT_EQ(allowed.status, 200u) << allowed.text;
    EXPECT_EQ(text(allowed, "model"), "offline");
    EXPECT_EQ(allowed.json().at("propensity").to_number<double>(), 1.0);
  }
}

TEST_F(Daemon, ARequestThatExcludesEveryModelIsToldWhyEachIsOut) {
  start();
  const Reply none =
      post("/v1/route", R"({"query": "hi"})", {{"x-yardmaster-allow-models", "no-such-model"}});
  EXPECT_EQ(none.status, 400u);
  EXPECT_EQ(none.json().at("error").as_object().at("code").as_string(), "no_candidate");
  for (const char* model : {"small", "large", "offline"}) {
    EXPECT_THAT(none.error(), HasSubstr(model));
  }
  const std::string long_query(800'000, 'x');
  const Reply too_long = post("/v1/route", R"({"query": ")" + long_query + R"("})",
                              {{"x-yardmaster-deny-models", "offline"}});
  EXPECT_EQ(too_long.status, 400u);
  EXPECT_EQ(too_long.json().at("error").as_object().at("code").as_string(),
            "context_length_exceeded");
}

TEST_F(Daemon, AWeightBeyondTheConfigsBoundIsRefused) {
  start("objective: {cost_weight: 30, max_cost_weight: 100}\n");
  EXPECT_EQ(post("/v1/route", R"({"query": "hi"})", {{"x-yardmaster-cost-weight", "99"}}).status,
            200u);
  for (const char* weight : {"101", "-1", "nan", "cheap"}) {
    EXPECT_EQ(
        post("/v1/route", R"({"query": "hi"})", {{"x-yardmaster-cost-weight", weight}}).status,
        400u)
        << weight;
  }
}

TEST_F(Daemon, MalformedRequestsGetAClearErrorAndTheDaemonGoesOn) {
  start();
  for (const char* body :
       {"", "{", "[]", "null", R"({"query": 5})", R"({"messages": []})", R"({"messages": "hi"})",
        R"({"messages": [{"role": "user"}]})", R"({})", "{\"query\": \"\xff\xfe\"}"}) {
    const Reply reply = post("/v1/route", body);
    EXPECT_EQ(reply.status, 400u) << body << " -> " << reply.text;
    EXPECT_FALSE(reply.error().empty());
  }
  route();
}

TEST_F(Daemon, UnknownFieldsAreIgnoredAndCounted) {
  start();
  EXPECT_EQ(post("/v1/route", R"({"query": "hi", "frobnicate": 1})").status, 200u);
  EXPECT_THAT(get("/metrics").text, HasSubstr("yardmaster_unknown_fields_total 1"));
}

TEST_F(Daemon, UnknownRoutesMethodsRoutersAndIdsAre404Or405) {
  start();
  EXPECT_EQ(get("/v2/route").status, 404u);
  EXPECT_EQ(get("/v1/route").status, 405u);
  EXPECT_EQ(post("/v1/route", R"({"query": "hi", "model": "nobody"})").status, 404u);
  EXPECT_EQ(get("/v1/decisions/01900000-0000-7000-8000-000000000000").status, 404u);
  EXPECT_EQ(get("/v1/decisions/not-an-id").status, 404u);
  EXPECT_EQ(post("/v1/route", R"({"query": "hi"})", {{"content-type", "text/xml"}}).status, 415u);
}

TEST_F(Daemon, ObserveServesTheBaselineAndLogsWhatThePolicyWouldHaveChosen) {
  start("routers: [{name: auto, policy: random, encoder: hash, mode: observe, baseline: large}]\n");
  int differed = 0;
  for (int i = 0; i < 30; ++i) {
    const std::string id = route();
    const Reply record = get("/v1/decisions/" + id);
    EXPECT_EQ(text(record, "model"), "large");
    if (text(record, "would_choose") != "large") ++differed;
  }
  EXPECT_GT(differed, 5);
}

TEST_F(Daemon, AShareOfTheTrafficIsRoutedWithTheMixtureAsPropensity) {
  start(
      "routers: [{name: auto, policy: 'fixed:small', encoder: hash, share: 0.25, "
      "baseline: large}]\n");
  int small = 0;
  for (int i = 0; i < 200; ++i) {
    const Reply reply = post("/v1/route", R"({"query": "hi"})");
    const bool is_small = text(reply, "model") == "small";
    small += is_small ? 1 : 0;
    EXPECT_NEAR(reply.json().at("propensity").to_number<double>(), is_small ? 0.25 : 0.75, 1e-9);
  }
  EXPECT_GT(small, 25);
  EXPECT_LT(small, 80);
}

TEST_F(Daemon, QueriesAreKeptWhereTheConfigSaysSo) {
  start("store_queries: true\n");
  EXPECT_EQ(text(get("/v1/decisions/" + route("remember me")), "query"), "remember me");
}

TEST_F(Daemon, DescribesItself) {
  start();
  EXPECT_EQ(get("/healthz").status, 200u);
  EXPECT_EQ(get("/readyz").status, 200u);
  const auto paths = get("/openapi.json").json().at("paths").as_object();
  for (const auto& path : paths) {
    const std::string target(path.key());
    if (target.find('{') != std::string::npos) continue;
    const bool is_get = path.value().as_object().contains("get");
    const Reply reply = is_get ? get(target) : post(target, "{}");
    EXPECT_NE(reply.status, 404u) << target;
    EXPECT_NE(reply.status, 405u) << target;
  }
  const auto models = get("/v1/models").json();
  EXPECT_EQ(models.at("object").as_string(), "list");
  EXPECT_EQ(models.at("data").as_array().size(), 4u) << "three models and a router";
  EXPECT_THAT(get("/v1/models").text, HasSubstr(R"("input_usd_per_mtok":0.1,)"));
}

}  // namespace
}  // namespace yardmaster
