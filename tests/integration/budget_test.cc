#include <gmock/gmock.h>

#include "tests/integration/daemon_fixture.h"

namespace yardmaster {
namespace {

using ::testing::HasSubstr;

/// A daemon whose router has a budget. 400 output tokens of `small` are expected to cost some
/// .00016 USD, of `offline` .0008, of `large` .006.
class BudgetDaemon : public test::DaemonFixture {
 protected:
  void start_with(const std::string& router_keys) {
    start("routers: [{name: auto, policy: random, " + router_keys + "}]\n");
  }

  Reply explained(agent::HttpClient::Headers headers = {}) {
    Reply reply =
        post("/v1/route", R"({"query": "Name a prime", "explain": true})", std::move(headers));
    EXPECT_EQ(reply.status, 200u) << reply.text;
    return reply;
  }

  static double budget(const Reply& reply, const char* field) {
    return reply.json().at("budget").as_object().at(field).to_number<double>();
  }

  double metric(const std::string& name) {
    const std::string text = get("/metrics").text;
    const std::string line = "\nyardmaster_budget_" + name + "{router=\"auto\"} ";
    const auto found = text.find(line);
    EXPECT_NE(found, std::string::npos) << name << " in " << text;
    return found == std::string::npos ? -1 : std::stod(text.substr(found + line.size()));
  }

  Reply report(const std::string& id, double cost_usd) {
    return post("/v1/outcomes", R"({"decision_id": ")" + id + R"(", "status": "ok", "cost_usd": )" +
                                    std::to_string(cost_usd) + "}");
  }
};

TEST_F(BudgetDaemon, WithoutABudgetNothingIsSaidOfOne) {
  start();
  EXPECT_FALSE(explained().json().contains("budget"));
  EXPECT_THAT(get("/metrics").text, ::testing::Not(HasSubstr("yardmaster_budget")));
}

TEST_F(BudgetDaemon, ModelsThatWouldBreakTheCeilingAreLeftOutAndTheReasonIsLogged) {
  start_with("budget_usd_per_query: 0.0005");
  Reply last = explained();
  for (int i = 0; i < 80; ++i) last = explained();
  const auto filtered = last.json().at("filtered").as_array();
  ASSERT_FALSE(filtered.empty()) << last.text;
  EXPECT_THAT(std::string(filtered.back().as_object().at("reason").as_string()),
              HasSubstr("the budget"));
  const auto record = get("/v1/decisions/" + text(last, "decision_id")).json();
  EXPECT_EQ(record.at("filtered").as_array().size(), filtered.size());
  EXPECT_EQ(record.at("candidates").as_array().size(), 3 - filtered.size());
  // The opening credit, and the cheapest model for whatever came after it was used up.
  EXPECT_LE(metric("spent_usd"), 100 * 0.0005 + 81 * 0.0002);
  EXPECT_EQ(metric("queries_total"), 81);
  EXPECT_EQ(metric("usd_per_query"), 0.0005);
}

TEST_F(BudgetDaemon, ThePriceIsAddedToTheWeightThatTheRequestAsksFor) {
  start_with("budget_usd_per_query: 0.0005");
  for (int i = 0; i < 20; ++i) explained();
  for (const double asked : {30.0, 5.0}) {
    const Reply reply = explained({{"x-yardmaster-cost-weight", std::to_string(asked)}});
    const auto record = get("/v1/decisions/" + text(reply, "decision_id")).json();
    EXPECT_NEAR(record.at("weights").as_object().at("cost").to_number<double>(),
                asked + budget(reply, "cost_weight"), 1e-9);
  }
}

TEST_F(BudgetDaemon, WhereEveryModelBreaksItTheCheapestServes) {
  start_with("budget_usd_per_query: 0.0000001");
  const Reply reply = explained();
  EXPECT_EQ(text(reply, "model"), "small");
  EXPECT_EQ(reply.json().at("propensity").to_number<double>(), 1);
  EXPECT_EQ(reply.json().at("filtered").as_array().size(), 2u);
}

TEST_F(BudgetDaemon, OrTheQueryIsRefusedIfTheConfigSaysSo) {
  start_with("budget_usd_per_query: 0.0000001, budget_exhausted: refuse");
  const Reply reply = post("/v1/route", R"({"query": "Name a prime"})");
  EXPECT_EQ(reply.status, 503u);
  EXPECT_EQ(reply.header("Retry-After"), "1");
  EXPECT_THAT(reply.error(), HasSubstr("budget"));
}

TEST_F(BudgetDaemon, TheBaselinesShareOfTheTrafficIsBoundToo) {
  start_with("budget_usd_per_query: 0.0000001, share: 0, baseline: large");
  EXPECT_EQ(text(explained(), "model"), "small");
}

TEST_F(BudgetDaemon, ReportedCostsTakeThePlaceOfExpectedOnes) {
  start_with("budget_usd_per_day: 10");
  const std::string id = route();
  EXPECT_GT(metric("spent_usd"), 0);
  EXPECT_EQ(report(id, 0.25).status, 200u);
  EXPECT_NEAR(metric("spent_usd"), 0.25, 1e-9);
  EXPECT_NEAR(metric("spent_today_usd"), 0.25, 1e-9);
  EXPECT_NEAR(metric("left_usd"), 9.75, 1e-9);
}

TEST_F(BudgetDaemon, AChatCountsWhatItsTokensCost) {
  start_with("budget_usd_per_day: 10");
  const Reply reply = post("/v1/chat/completions",
                           R"({"model": "auto", "messages": [{"role": "user", "content": "hi"}]})");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  const auto record = get("/v1/decisions/" + reply.header("x-yardmaster-decision-id")).json();
  EXPECT_NEAR(metric("spent_usd"),
              record.at("outcome").as_object().at("cost_usd").to_number<double>(), 1e-12);
}

TEST_F(BudgetDaemon, AModelThatTheClientNamesIsNotTheRoutersSpending) {
  start_with("budget_usd_per_day: 10");
  post("/v1/chat/completions",
       R"({"model": "large", "messages": [{"role": "user", "content": "hi"}]})");
  EXPECT_EQ(metric("queries_total"), 0);
}

TEST_F(BudgetDaemon, SpendingAndPriceSurviveARestart) {
  const std::string keys = "budget_usd_per_query: 0.0005, budget_usd_per_day: 10";
  start_with(keys);
  for (int i = 0; i < 20; ++i) {
    const std::string id = route();
    if (i % 2 == 0) report(id, 0.001);
  }
  const double queries = metric("queries_total"), today = metric("spent_today_usd");
  const double left = metric("left_usd");
  stop();
  start_with(keys);
  EXPECT_EQ(metric("queries_total"), queries);
  EXPECT_NEAR(metric("spent_today_usd"), today, 1e-9);
  EXPECT_NEAR(metric("left_usd"), left, 1e-9);
}

}  // namespace
}  // namespace yardmaster
