// API keys at a running daemon: what each may do, and how much.

#include <gmock/gmock.h>

#include "agent/keys/api_key.h"
#include "tests/common/raw_client.h"
#include "tests/integration/daemon_fixture.h"

namespace yardmaster::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class ApiKeys : public DaemonFixture {
 protected:
  /// A key named `name`, whose secret is "secret-of-NAME".
  static std::string key(const std::string& name, const std::string& more) {
    return "  - {name: " + name + ", sha256: " + agent::to_hex(agent::sha256("secret-of-" + name)) +
           ", scopes: [route, feedback], " + more + "}\n";
  }

  void start_as(const std::string& name, const std::string& more) {
    start("keys:\n" + key(name, more));
    connect("secret-of-" + name);
  }

  Reply ask(const std::string& query = "Hello") {
    return post("/v1/route", R"({"query": ")" + query + R"("})");
  }

  Reply chat(const std::string& model, const std::string& more = "") {
    return post("/v1/chat/completions",
                R"({"model": ")" + model +
                    R"(", "messages": [{"role": "user", "content": "Hello"}])" + more + "}");
  }

  unsigned remove(const std::string& target, const std::string& secret) const {
    RawClient client(daemon_->port());
    client.send("DELETE " + target + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + secret +
                "\r\n\r\n");
    return client.read_answer().result_int();
  }

  static std::string code(const Reply& reply) {
    return std::string(reply.json().at("error").as_object().at("code").as_string());
  }
};

TEST_F(ApiKeys, AnExpiredKeyIsToldSoAndHowToAuthenticate) {
  start_as("old", "expires: 2020-01-01T00:00:00Z");
  const Reply reply = ask();
  EXPECT_EQ(reply.status, 401u);
  EXPECT_EQ(reply.header("WWW-Authenticate"), "Bearer");
  EXPECT_EQ(code(reply), "api_key_expired");
  EXPECT_THAT(reply.error(), HasSubstr("expired at 2020-01-01"));
  connect("wrong");
  const Reply unknown = ask();
  EXPECT_EQ(unknown.status, 401u);
  EXPECT_EQ(unknown.header("WWW-Authenticate"), "Bearer");
  EXPECT_THAT(unknown.text, Not(HasSubstr("wrong")));
}

TEST_F(ApiKeys, OthersModelsAreFilteredWithAReasonAndRefusedByName) {
  start_as("app", "models: [small, offline], deny_models: [offline]");
  const Reply routed = post("/v1/route", R"({"query": "Hello", "explain": true})");
  ASSERT_EQ(routed.status, 200u) << routed.text;
  EXPECT_EQ(text(routed, "model"), "small");
  EXPECT_THAT(routed.text, HasSubstr(R"({"model":"large","reason":"not a model that the API key)"));
  EXPECT_THAT(routed.text, HasSubstr(R"({"model":"offline","reason":"not a model that the API)"));
  EXPECT_EQ(chat("auto").header("x-yardmaster-model"), "small");
  EXPECT_EQ(chat("small").status, 200u);
  const Reply named = chat("large");
  EXPECT_EQ(named.status, 403u);
  EXPECT_EQ(code(named), "model_not_allowed");
  EXPECT_THAT(named.error(), HasSubstr("'large'"));
  const Reply models = get("/v1/models");
  EXPECT_THAT(models.text, HasSubstr(R"("id":"small")"));
  EXPECT_THAT(models.text, Not(HasSubstr(R"("id":"large")")));
  EXPECT_EQ(chat("auto", R"(, "stream": true)").status, 200u);
}

TEST_F(ApiKeys, RequestsOverTheRateGet429AndEveryAnswerTellsWhatIsLeft) {
  start_as("app", "requests_per_minute: 3");
  for (const char* left : {"2", "1"}) {
    const Reply reply = ask();
    EXPECT_EQ(reply.status, 200u) << reply.text;
    EXPECT_EQ(reply.header("x-ratelimit-limit-requests"), "3");
    EXPECT_EQ(reply.header("x-ratelimit-remaining-requests"), left);
    EXPECT_THAT(reply.header("x-ratelimit-reset-requests"), testing::EndsWith("s"));
    EXPECT_EQ(reply.header("x-ratelimit-limit-tokens"), "");
  }
  const Reply malformed = post("/v1/chat/completions", "{");
  EXPECT_EQ(malformed.status, 400u);
  EXPECT_EQ(malformed.header("x-ratelimit-remaining-requests"), "0");
  const Reply over = chat("auto");
  EXPECT_EQ(over.status, 429u);
  EXPECT_EQ(code(over), "rate_limit_exceeded");
  EXPECT_GE(std::stoi(over.header("Retry-After")), 1);
  EXPECT_LE(std::stoi(over.header("Retry-After")), 20);
  EXPECT_EQ(over.header("x-ratelimit-remaining-requests"), "0");
  // What is not routed is not limited.
  EXPECT_EQ(get("/v1/models").status, 200u);
}

TEST_F(ApiKeys, WhoGuessesKeysIsPutOffAndOthersOfTheAddressAreServed) {
  start("limits: {wrong_keys_per_minute: 3}\nkeys:\n" + key("app", "models: []"));
  connect("guess");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask().status, 401u) << i;
  const Reply over = ask();
  EXPECT_EQ(over.status, 429u);
  EXPECT_EQ(code(over), "too_many_wrong_keys");
  EXPECT_GE(std::stoi(over.header("Retry-After")), 1);
  connect("secret-of-app");
  EXPECT_EQ(ask().status, 200u) << "a client that is set up wrongly must not stop the others";
  connect("guess");
  EXPECT_EQ(ask().status, 429u);
  EXPECT_EQ(get("/healthz").status, 200u);
}

TEST_F(ApiKeys, NoKeyAtAllIsNoGuess) {
  start("limits: {wrong_keys_per_minute: 3}\nkeys:\n" + key("app", "models: []"));
  connect("");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask().status, 401u) << i;
  connect("secret-of-app");
  EXPECT_EQ(ask().status, 200u);
}

TEST_F(ApiKeys, FeedbackOverTheRateGets429AndIsNotStored) {
  start("keys:\n" + key("app", "feedback_per_minute: 2") + "  - {name: ops, sha256: " +
        agent::to_hex(agent::sha256("secret-of-ops")) + ", scopes: [admin]}\n");
  connect("secret-of-app");
  const std::string first = route();
  const std::string second = route();
  EXPECT_EQ(judge(first, 0.25).status, 200u);
  EXPECT_EQ(judge(second, 0.75).status, 200u);
  const std::string third = route();
  const Reply over = judge(third, 1);
  EXPECT_EQ(over.status, 429u);
  EXPECT_EQ(code(over), "rate_limit_exceeded");
  EXPECT_THAT(over.error(), HasSubstr("2 values of feedback a minute"));
  EXPECT_GE(std::stoi(over.header("Retry-After")), 1);
  EXPECT_THAT(get("/v1/decisions/" + third).text, HasSubstr(R"("feedback":[])"));

  EXPECT_THAT(get("/metrics").text, HasSubstr("yardmaster_key_feedback_total{key=\"app\"} 2"));
  EXPECT_EQ(get("/v1/admin/feedback").status, 403u);
  connect("secret-of-ops");
  const Reply report = get("/v1/admin/feedback");
  ASSERT_EQ(report.status, 200u) << report.text;
  EXPECT_THAT(report.text, HasSubstr(R"({"keys":[{"key":"app","decisions":2,"newest":")"));
  EXPECT_THAT(report.text, HasSubstr(R"("metrics":{"quality":{"values":2,"mean":0.5}}}]})"));
}

TEST_F(ApiKeys, MetricsTellWhatEachKeyUses) {
  start("keys:\n" + key("app", "requests_per_minute: 2") + key("idle", "models: [small]") +
        "  - {name: rich, sha256: " + agent::to_hex(agent::sha256("secret-of-rich")) +
        ", scopes: [route], budget_usd_per_day: 1e-9}\n");
  connect("secret-of-app");
  const Reply answered = chat("small");
  ASSERT_EQ(answered.status, 200u) << answered.text;
  const auto outcome = get("/v1/decisions/" + answered.header("x-yardmaster-decision-id"))
                           .json()
                           .at("outcome")
                           .as_object();
  const Reply routed = ask();
  EXPECT_EQ(ask().status, 429u);
  EXPECT_EQ(post("/v1/outcomes", R"({"decision_id": ")" + text(routed, "decision_id") +
                                     R"(", "status": "ok", "input_tokens": 1000,)"
                                     R"("output_tokens": 7, "cost_usd": 2})")
                .status,
            200u);
  connect("secret-of-rich");
  EXPECT_EQ(chat("small").status, 200u);
  EXPECT_EQ(chat("small").status, 429u);

  const std::string metrics = get("/metrics").text;
  const auto value = [&](const std::string& series) {
    const std::size_t at = metrics.find("\nyardmaster_key_" + series + " ");
    EXPECT_NE(at, std::string::npos) << series;
    return at == std::string::npos ? -1 : std::stod(metrics.substr(metrics.find("} ", at) + 2));
  };
  EXPECT_EQ(value(R"(requests_total{key="app"})"), 3);
  EXPECT_EQ(value(R"(requests_total{key="idle"})"), 0);
  EXPECT_EQ(value(R"(refused_total{key="app",limit="minute"})"), 1);
  EXPECT_EQ(value(R"(refused_total{key="app",limit="day"})"), 0);
  EXPECT_EQ(value(R"(refused_total{key="rich",limit="day"})"), 1);
  EXPECT_EQ(value(R"(tokens_total{key="app",type="input"})"),
            1000 + outcome.at("input_tokens").to_number<double>());
  EXPECT_EQ(value(R"(tokens_total{key="app",type="output"})"),
            7 + outcome.at("output_tokens").to_number<double>());
  EXPECT_NEAR(value(R"(cost_usd_total{key="app"})"), 2 + outcome.at("cost_usd").to_number<double>(),
              1e-6);
  EXPECT_GT(value(R"(cost_usd_total{key="rich"})"), 0);
  EXPECT_THAT(metrics, Not(HasSubstr("secret")));
  EXPECT_THAT(metrics, Not(HasSubstr(agent::to_hex(agent::sha256("secret-of-app")).substr(0, 8))));
}

TEST_F(ApiKeys, MetricsTellOfManyKeysTogether) {
  std::string keys = "keys:\n";
  for (int i = 0; i < 502; ++i) {
    keys += key("k" + std::to_string(1000 + i), "requests_per_minute: 9");
  }
  start(keys);
  for (const char* name : {"k1000", "k1500", "k1501"}) {
    connect(std::string("secret-of-") + name);
    EXPECT_EQ(ask().status, 200u);
  }
  const std::string metrics = get("/metrics").text;
  EXPECT_THAT(metrics, HasSubstr("yardmaster_key_requests_total{key=\"k1000\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("yardmaster_key_requests_total{key=\"k1499\"} 0\n"));
  EXPECT_THAT(metrics, Not(HasSubstr("k1500")));
  EXPECT_THAT(metrics, HasSubstr("yardmaster_key_requests_total{key=\"(others)\"} 2\n"));
}

TEST_F(ApiKeys, TokensAreReservedByTheEstimateAndSettledByTheOutcome) {
  start_as("app", "tokens_per_minute: 1000");
  const Reply first = post("/v1/route", R"({"query": "Hello"})");
  ASSERT_EQ(first.status, 200u) << first.text;
  const int reserved = 1000 - std::stoi(first.header("x-ratelimit-remaining-tokens"));
  EXPECT_GT(reserved, 400);
  EXPECT_EQ(ask().status, 200u);
  const Reply over = ask();
  EXPECT_EQ(over.status, 429u);
  EXPECT_EQ(code(over), "rate_limit_exceeded");
  EXPECT_THAT(over.error(), HasSubstr("1000 tokens a minute"));
  EXPECT_GE(std::stoi(over.header("Retry-After")), 1);
  const Reply outcome =
      post("/v1/outcomes", R"({"decision_id": ")" + text(first, "decision_id") +
                               R"(", "status": "ok", "input_tokens": 1, "output_tokens": 1})");
  EXPECT_EQ(outcome.status, 200u) << outcome.text;
  EXPECT_EQ(ask().status, 200u);
}

TEST_F(ApiKeys, TheAdminApiMakesListsAndRevokesThem) {
  start("keys:\n  - {name: ops, sha256: " + agent::to_hex(agent::sha256("secret-of-ops")) +
        ", scopes: [admin]}\n");
  connect("secret-of-ops");
  const Reply made =
      post("/v1/admin/keys", R"({"name": "app", "models": ["small"], "requests_per_minute": 100})");
  ASSERT_EQ(made.status, 200u) << made.text;
  EXPECT_EQ(made.header("Cache-Control"), "no-store");
  const std::string secret = text(made, "secret");
  EXPECT_EQ(post("/v1/admin/keys", R"({"name": "app"})").status, 409u);
  EXPECT_EQ(post("/v1/admin/keys", R"({"name": "ops"})").status, 409u);
  EXPECT_EQ(post("/v1/admin/keys", R"({"name": "b", "models": ["smal"]})").status, 400u);
  EXPECT_EQ(post("/v1/admin/keys", R"({"name": "a/b"})").status, 400u);
  const Reply listed = get("/v1/admin/keys");
  EXPECT_THAT(listed.text, HasSubstr(R"("name":"ops")"));
  EXPECT_THAT(listed.text, HasSubstr(R"("name":"app")"));
  EXPECT_THAT(listed.text, Not(HasSubstr(secret.substr(3))));
  EXPECT_THAT(listed.text, Not(HasSubstr("sha256")));

  connect(secret);
  EXPECT_EQ(ask().header("x-ratelimit-limit-requests"), "100");
  EXPECT_EQ(post("/v1/admin/keys", R"({"name": "c"})").status, 403u);
  EXPECT_EQ(remove("/v1/admin/keys/app", secret), 403u);
  EXPECT_EQ(remove("/v1/admin/keys/nobody", "secret-of-ops"), 404u);
  EXPECT_EQ(remove("/v1/admin/keys/ops", "secret-of-ops"), 409u);
  EXPECT_EQ(remove("/v1/admin/keys", "secret-of-ops"), 405u);
  EXPECT_EQ(remove("/v1/admin/keys/app", "secret-of-ops"), 200u);
  const Reply revoked = ask();
  EXPECT_EQ(revoked.status, 401u);
  EXPECT_EQ(code(revoked), "api_key_revoked");
}

TEST_F(ApiKeys, AReloadChangesTheKeysAndKeepsWhatTheyUsed) {
  start_as("app", "requests_per_minute: 10");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask().status, 200u);
  more_ = "keys:\n" + key("app", "requests_per_minute: 100");
  ASSERT_TRUE(daemon_->reload());
  const int left = std::stoi(ask().header("x-ratelimit-remaining-requests"));
  EXPECT_GE(left, 49);
  EXPECT_LT(left, 90);
  more_ = "keys:\n" + key("other", "requests_per_minute: 100");
  ASSERT_TRUE(daemon_->reload());
  EXPECT_EQ(ask().status, 401u);
  more_ = "";
  ASSERT_TRUE(daemon_->reload());
  EXPECT_EQ(ask().status, 401u);  // the last one's going opens nothing
}

TEST_F(ApiKeys, ASpentBudgetIs429AlsoAfterARestart) {
  const std::string keys = "keys:\n" + key("app", "budget_usd_per_day: 0.01") + key("other", "");
  start(keys);
  connect("secret-of-app");
  const std::string id = route();
  EXPECT_EQ(ask().status, 200u);
  const std::string outcome =
      R"({"decision_id": ")" + id + R"(", "status": "ok", "cost_usd": 0.02})";
  EXPECT_EQ(post("/v1/outcomes", outcome).status, 200u);
  for (int run = 0; run < 2; ++run) {
    const Reply over = ask();
    EXPECT_EQ(over.status, 429u);
    EXPECT_EQ(code(over), "budget_exceeded");
    EXPECT_THAT(over.error(), HasSubstr("0.01 USD"));
    EXPECT_GE(std::stoi(over.header("Retry-After")), 1);
    EXPECT_LE(std::stoi(over.header("Retry-After")), 86'400);
    EXPECT_EQ(chat("small").status, 429u);
    EXPECT_THAT(get("/v1/decisions/" + id).text, HasSubstr(R"("key":"app")"));
    connect("secret-of-other");
    EXPECT_EQ(ask().status, 200u);
    stop();
    start(keys);
    connect("secret-of-app");
  }
}

}  // namespace
}  // namespace yardmaster::test
