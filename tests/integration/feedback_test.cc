#include <gmock/gmock.h>

#include "tests/integration/daemon_fixture.h"

namespace yardmaster {
namespace {

using ::testing::HasSubstr;

using Feedback = test::DaemonFixture;

constexpr const char* kUnknownId = "01900000-0000-7000-8000-000000000000";

TEST_F(Feedback, OutcomeAndFeedbackMakeTheDecisionATrainingRowThatIsLearned) {
  start();
  const std::string id = route();
  const Reply outcome = post("/v1/outcomes", R"({"decision_id": ")" + id +
                                                 R"(", "status": "ok", "latency_s": 1.5,
                                                 "input_tokens": 10, "output_tokens": 20})");
  EXPECT_EQ(outcome.status, 200u) << outcome.text;
  const Reply judged = judge(id, 0.75);
  EXPECT_EQ(judged.status, 200u) << judged.text;
  EXPECT_EQ(judged.json().at("accepted").to_number<int>(), 1);

  const auto record = get("/v1/decisions/" + id).json();
  EXPECT_EQ(record.at("outcome").as_object().at("status").as_string(), "ok");
  EXPECT_GT(record.at("outcome").as_object().at("cost_usd").to_number<double>(), 0)
      << "tokens times prices";
  EXPECT_EQ(record.at("feedback").as_array()[0].as_object().at("value").to_number<double>(), 0.75);

  std::int64_t version = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (version < 1 && std::chrono::steady_clock::now() < deadline) {
    version = get("/v1/admin/learner").json().at("policy_version").to_number<std::int64_t>();
  }
  EXPECT_EQ(version, 1);
}

TEST_F(Feedback, ItemsOfABatchAreIndependent) {
  start();
  const std::string id = route();
  const Reply reply = post("/v1/feedback", R"({"feedback": [
      {"decision_id": ")" + id + R"(", "metric": "quality", "value": 1},
      {"decision_id": ")" + kUnknownId + R"(", "metric": "quality", "value": 1},
      {"decision_id": ")" + id + R"(", "metric": "taste", "value": 1},
      {"decision_id": ")" + id + R"(", "metric": "quality", "value": 7},
      {"metric": "quality", "value": 1}, 5,
      {"decision_id": ")" + id + R"(", "metric": "quality", "value": true}]})");
  EXPECT_EQ(reply.status, 200u) << reply.text;
  const auto results = reply.json().at("results").as_array();
  ASSERT_EQ(results.size(), 7u);
  const char* expected[] = {"stored", "error", "error", "error", "error", "error", "stored"};
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].as_object().at("status").as_string(), expected[i]) << i;
    EXPECT_EQ(results[i].as_object().at("index").to_number<std::size_t>(), i);
  }
}

TEST_F(Feedback, ASingleItemsErrorIsTheStatusToo) {
  start();
  const std::string id = route();
  const auto status = [&](const std::string& body) { return post("/v1/feedback", body).status; };
  const std::string head = R"({"decision_id": ")" + id + R"(", "metric": )";
  EXPECT_EQ(status(R"({"decision_id": ")" + std::string(kUnknownId) +
                   R"(", "metric": "quality", "value": 1})"),
            404u);
  EXPECT_EQ(status(head + R"("taste", "value": 1})"), 404u);
  EXPECT_EQ(status(head + R"("quality", "value": 1.5})"), 422u);
  EXPECT_EQ(status(head + R"("quality", "value": 1e999})"), 422u);
  EXPECT_EQ(status(head + R"("quality", "value": NaN})"), 400u);
  EXPECT_EQ(status(head + R"("quality", "value": "good"})"), 400u);
  EXPECT_EQ(status(head + R"("quality"})"), 400u);
  EXPECT_THAT(post("/v1/feedback", "{\"metric\": \"\xff\"}").error(), HasSubstr("UTF-8"));
  EXPECT_THAT(post("/v1/feedback", head + R"("quality", "value": 1.5})").error(),
              HasSubstr("send 0 to 1"));
  EXPECT_EQ(status(R"({"feedback": []})"), 400u);
  EXPECT_EQ(status(R"({"feedback": 3})"), 400u);
  EXPECT_EQ(get("/v1/decisions/" + id).json().at("feedback").as_array().size(), 0u);
}

TEST_F(Feedback, TheSameIdempotencyKeyIsADuplicateAndWithAnotherValueAConflict) {
  start();
  const std::string id = route();
  const std::string key = R"(, "idempotency_key": "k1")";
  const auto result = [](const Reply& reply) {
    return reply.json().at("results").as_array()[0].as_object().at("status").as_string();
  };
  EXPECT_EQ(result(judge(id, 0.5, key)), "stored");
  EXPECT_EQ(result(judge(id, 0.5, key)), "duplicate");
  EXPECT_EQ(judge(id, 0.6, key).status, 409u);
  EXPECT_EQ(get("/v1/decisions/" + id).json().at("feedback").as_array().size(), 1u);
}

TEST_F(Feedback, AnIdempotencyKeyMayBeAHeaderAndIsRefusedWhereItIsTooLong) {
  start();
  const std::string body =
      R"({"decision_id": ")" + route() + R"(", "metric": "quality", "value": 1})";
  const auto send_with = [&](std::string key) {
    return post("/v1/feedback", body, {{"idempotency-key", std::move(key)}});
  };
  EXPECT_EQ(send_with("k1").status, 200u);
  EXPECT_THAT(send_with("k1").text, HasSubstr("duplicate"));
  EXPECT_EQ(send_with(std::string(257, 'k')).status, 400u);
}

TEST_F(Feedback, MoreThanAThousandItemsAreRefusedWhole) {
  start();
  const std::string id = route();
  std::string body = R"({"feedback": [)";
  for (int i = 0; i < 1001; ++i) {
    if (i > 0) body += ',';
    body += R"({"decision_id": ")" + id + R"(", "metric": "quality", "value": 1})";
  }
  EXPECT_EQ(post("/v1/feedback", body + "]}").status, 400u);
  EXPECT_EQ(get("/v1/decisions/" + id).json().at("feedback").as_array().size(), 0u);
}

TEST_F(Feedback, OutcomesWithWrongFieldsAreRefusedWithTheFieldsName) {
  start();
  const std::string id = route();
  const std::string head = R"({"decision_id": ")" + id + R"(", )";
  for (const auto& [rest, status, word] :
       {std::tuple{R"("status": "fine"})", 400u, "status"},
        std::tuple{R"("status": "ok", "latency_s": "1"})", 400u, "latency_s"},
        std::tuple{R"("status": "ok", "latency_s": -1})", 422u, "latency_s"},
        std::tuple{R"("status": "ok", "input_tokens": 1.5})", 400u, "input_tokens"},
        std::tuple{R"("status": "ok", "cost_usd": 1e30})", 422u, "cost_usd"},
        std::tuple{R"("status": "ok", "cost_usd": -0.1})", 422u, "cost_usd"}}) {
    const Reply reply = post("/v1/outcomes", head + rest);
    EXPECT_EQ(reply.status, status) << rest << reply.text;
    EXPECT_THAT(reply.error(), HasSubstr(word));
  }
  EXPECT_EQ(post("/v1/outcomes", R"({"status": "ok"})").status, 400u);
  EXPECT_EQ(post("/v1/outcomes",
                 R"({"decision_id": ")" + std::string(kUnknownId) + R"(", "status": "ok"})")
                .status,
            404u);
}

TEST_F(Feedback, TheSameOutcomeAgainIsAcceptedAndAnotherOneIsAConflict) {
  start();
  const std::string body = R"({"decision_id": ")" + route() + R"(", "status": "ok", "latency_s": )";
  EXPECT_EQ(post("/v1/outcomes", body + "1}").status, 200u);
  EXPECT_EQ(post("/v1/outcomes", body + "1}").status, 200u);
  EXPECT_EQ(post("/v1/outcomes", body + "2}").status, 409u);
}

TEST_F(Feedback, ARejectedQueryIsNotLearnedWhateverItsFeedback) {
  start("feedback: {default: 0.5}\n");
  const std::string id = route();
  EXPECT_EQ(
      post("/v1/outcomes", R"({"decision_id": ")" + id + R"(", "status": "rejected"})").status,
      200u);
  EXPECT_EQ(judge(id, 1).status, 200u);
  EXPECT_EQ(get("/v1/admin/learner").json().at("rows").to_number<int>(), 0);
  EXPECT_THAT(get("/metrics").text, HasSubstr("yardmaster_store_waiting 0"));
}

TEST_F(Feedback, OfACancelledCallTheCostAloneIsLearnedWhateverItsFeedback) {
  start("feedback: {default: 0.5}\n");
  const std::string id = route();
  EXPECT_EQ(
      post("/v1/outcomes", R"({"decision_id": ")" + id + R"(", "status": "cancelled"})").status,
      200u);
  EXPECT_EQ(judge(id, 1).status, 200u);
  EXPECT_EQ(get("/v1/admin/learner").json().at("rows").to_number<int>(), 1);
  EXPECT_THAT(get("/metrics").text, HasSubstr("yardmaster_store_waiting 0"));
  const auto outcome = get("/v1/decisions/" + id).json().at("outcome").as_object();
  EXPECT_EQ(outcome.at("status").as_string(), "cancelled");
}

TEST_F(Feedback, MalformedBodiesOfEveryRouteAreRefusedAndTheDaemonGoesOn) {
  start();
  for (const char* target : {"/v1/outcomes", "/v1/feedback", "/v1/route", "/v1/chat/completions"}) {
    for (const char* body : {"", "{", "[]", "null", "{\"a\": 1,}", "{\"query\": \"\xff\xfe\"}"}) {
      const Reply reply = post(target, body);
      EXPECT_EQ(reply.status, 400u) << target << ' ' << body << reply.text;
      EXPECT_FALSE(reply.error().empty());
    }
  }
  EXPECT_EQ(judge(route(), 1).status, 200u);
}

TEST_F(Feedback, EverythingIsThereAfterARestart) {
  start();
  const std::string id = route();
  EXPECT_EQ(judge(id, 0.25).status, 200u);
  stop();
  start();
  const auto record = get("/v1/decisions/" + id).json();
  EXPECT_EQ(record.at("feedback").as_array().size(), 1u);
}

TEST_F(Feedback, KeysSeparateWhoMayRouteFromWhoMayJudge) {
  // The hashes are of "route-key" and "judge-key".
  start(
      "keys:\n"
      "  - {name: app, scopes: [route], sha256: "
      "8c466645b1bb0a157060b081cd0694cf3e8ca6189183adc666f2e162f57b3cc5}\n"
      "  - {name: judge, scopes: [feedback], sha256: "
      "be3d5063757d0305ab5eb5b20dbb53350313f2b9154f46495386b9922b1457a7}\n");
  EXPECT_EQ(post("/v1/route", R"({"query": "hi"})").status, 401u);
  EXPECT_EQ(get("/healthz").status, 200u) << "health needs no key";
  connect("route-key");
  const std::string id = route();
  EXPECT_EQ(judge(id, 1).status, 403u);
  EXPECT_EQ(post("/v1/admin/policy/checkpoint", "").status, 403u);
  connect("judge-key");
  EXPECT_EQ(judge(id, 1).status, 200u);
  const auto record = get("/v1/decisions/" + id).json();
  EXPECT_EQ(record.at("feedback").as_array()[0].as_object().at("judge").as_string(), "judge");
}

}  // namespace
}  // namespace yardmaster
