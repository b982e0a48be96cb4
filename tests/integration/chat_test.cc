#include <gmock/gmock.h>

#include "tests/integration/daemon_fixture.h"

namespace yardmaster {
namespace {

using ::testing::HasSubstr;

using Chat = test::DaemonFixture;

constexpr const char* kHello =
    R"({"model": "auto", "messages": [{"role": "user", "content": "hi"}]})";

TEST_F(Chat, AutoRoutesToAModelThatAnswersAndTheOutcomeIsRecorded) {
  start();
  const Reply reply = post("/v1/chat/completions", kHello, {{"x-session-id", "s1"}});
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(text(reply, "object"), "chat.completion");
  EXPECT_EQ(text(reply, "model"), reply.header("x-yardmaster-model"));
  EXPECT_NE(text(reply, "model"), "offline") << "nothing serves it";
  EXPECT_EQ(reply.header("x-yardmaster-attempts"), "1");

  const auto record = get("/v1/decisions/" + reply.header("x-yardmaster-decision-id")).json();
  EXPECT_EQ(record.at("session_id").as_string(), "s1");
  EXPECT_EQ(record.at("outcome").as_object().at("status").as_string(), "ok");
  EXPECT_GT(record.at("outcome").as_object().at("cost_usd").to_number<double>(), 0);
}

TEST_F(Chat, FeedbackMayNameTheResponse) {
  start();
  const Reply reply = post("/v1/chat/completions", kHello);
  const Reply judged = post("/v1/feedback", R"({"response_id": ")" + text(reply, "id") +
                                                R"(", "metric": "quality", "value": 1})");
  EXPECT_EQ(judged.status, 200u) << judged.text;
  const auto record = get("/v1/decisions/" + reply.header("x-yardmaster-decision-id")).json();
  EXPECT_EQ(record.at("feedback").as_array().size(), 1u);
}

TEST_F(Chat, FeedbackOnASessionIsCreditedToEachOfItsDecisions) {
  start();
  const Reply one = post("/v1/chat/completions", kHello, {{"x-session-id", "talk"}});
  const Reply two = post("/v1/chat/completions", kHello, {{"x-session-id", "talk"}});
  const Reply judged =
      post("/v1/feedback", R"({"session_id": "talk", "metric": "quality", "value": 0.5})");
  EXPECT_EQ(judged.status, 200u) << judged.text;
  for (const Reply& each : {one, two}) {
    const auto record = get("/v1/decisions/" + each.header("x-yardmaster-decision-id")).json();
    EXPECT_EQ(record.at("feedback").as_array().size(), 1u);
  }
}

TEST_F(Chat, AConcreteModelIsServedAsAskedWithPropensityOne) {
  start();
  const Reply reply =
      post("/v1/chat/completions",
           R"({"model": "large", "messages": [{"role": "user", "content": "hi"}]})");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(text(reply, "model"), "large");
  EXPECT_EQ(reply.header("x-yardmaster-propensity"), "1");
  EXPECT_THAT(get("/metrics").text, HasSubstr("yardmaster_decisions_total{model=\"large\"} 1"));
}

TEST_F(Chat, AutoIsTheFirstRouterWhateverItsName) {
  start("routers: [{name: clever}, {name: other}]\n");
  EXPECT_EQ(post("/v1/chat/completions", kHello).status, 200u);
  const Reply routed = post("/v1/route", R"({"model": "auto", "query": "hi"})");
  ASSERT_EQ(routed.status, 200u) << routed.text;
  EXPECT_EQ(text(get("/v1/decisions/" + text(routed, "decision_id")), "router"), "clever");
}

TEST_F(Chat, ModelsThatDoNotExistOrCannotBeServedAre404) {
  start();
  for (const char* model : {"nobody", "offline"}) {
    const Reply reply =
        post("/v1/chat/completions", std::string(R"({"model": ")") + model +
                                         R"(", "messages": [{"role": "user", "content": "hi"}]})");
    EXPECT_EQ(reply.status, 404u);
    EXPECT_THAT(reply.error(), HasSubstr(model));
    EXPECT_THAT(reply.text, HasSubstr(R"("param":"model","code":"model_not_found")"));
  }
}

TEST_F(Chat, AMissingModelOrMissingMessagesAreRefused) {
  start();
  EXPECT_EQ(post("/v1/chat/completions", R"({"model": "auto", "query": "hi"})").status, 400u);
  EXPECT_EQ(
      post("/v1/chat/completions", R"({"messages": [{"role": "user", "content": "hi"}]})").status,
      400u);
}

TEST_F(Chat, AnUpstreamThatCannotBeReachedIs502AndAFailureOnRecord) {
  // Port 1 of the loopback: nobody listens there.
  more_upstreams_ = ", {name: dead, kind: openai, base_url: 'http://127.0.0.1:1/v1'}";
  more_models_ = "  - {name: unreachable, upstream: dead}\n";
  start();
  const Reply reply =
      post("/v1/chat/completions",
           R"({"model": "unreachable", "messages": [{"role": "user", "content": "hi"}]})");
  EXPECT_EQ(reply.status, 502u) << reply.text;
  EXPECT_THAT(reply.error(), HasSubstr("unreachable"));
  EXPECT_THAT(reply.error(), HasSubstr("dead"));
  const auto record = get("/v1/decisions/" + reply.header("x-yardmaster-decision-id")).json();
  EXPECT_EQ(record.at("outcome").as_object().at("status").as_string(), "error");
}

}  // namespace
}  // namespace yardmaster
