// A config put to work while the daemon serves: nobody is refused, nothing is lost or learned
// twice.

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/integration/daemon_fixture.h"

namespace yardmaster {
namespace {

using ::testing::HasSubstr;

class Reload : public test::DaemonFixture {
 protected:
  Reply reload() { return post("/v1/admin/reload", ""); }

  std::vector<std::string> models() {
    std::vector<std::string> names;
    const auto body = get("/v1/models").json();
    for (const auto& model : body.at("data").as_array()) {
      names.emplace_back(model.as_object().at("id").as_string());
    }
    return names;
  }

  void complete(const std::string& id, double quality) {
    EXPECT_EQ(post("/v1/outcomes", R"({"decision_id": ")" + id + R"(", "status": "ok"})").status,
              200u);
    EXPECT_EQ(judge(id, quality).status, 200u);
  }

  std::int64_t learner(const char* field) {
    return get("/v1/admin/learner").json().at(field).to_number<std::int64_t>();
  }

  void wait_until_learned() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (learner("rows_waiting") > 0 && std::chrono::steady_clock::now() < deadline) {
    }
    EXPECT_EQ(learner("rows_waiting"), 0);
  }
};

TEST_F(Reload, AModelIsAddedAndAnotherRemovedWhileWhatWasLearnedStays) {
  start();
  for (int i = 0; i < 10; ++i) complete(route(), 0.5);
  wait_until_learned();
  more_models_ = "  - {name: added, input_usd_per_mtok: 2, output_usd_per_mtok: 4}\n";
  const Reply reloaded = reload();
  ASSERT_EQ(reloaded.status, 200u) << reloaded.text;
  EXPECT_THAT(reloaded.text, HasSubstr("models.added.input_usd_per_mtok: (absent) -> 2"));
  EXPECT_THAT(models(), ::testing::Contains("added"));
  EXPECT_EQ(learner("policy_version"), 10);
  const Reply chosen =
      post("/v1/route", R"({"query": "hi"})", {{"x-yardmaster-allow-models", "added"}});
  EXPECT_EQ(text(chosen, "model"), "added");
  complete(text(chosen, "decision_id"), 1);
  wait_until_learned();
  EXPECT_EQ(learner("policy_version"), 11) << "the rows of before are not learned again";

  more_models_ = "";
  ASSERT_EQ(reload().status, 200u);
  EXPECT_THAT(models(), ::testing::Not(::testing::Contains("added")));
  EXPECT_EQ(get("/v1/decisions/" + text(chosen, "decision_id")).status, 200u);
}

TEST_F(Reload, NewWeightsActAtTheNextQuery) {
  start("objective: {cost_weight: 30}\n");
  const std::string before = route();
  more_ = "objective: {cost_weight: 7}\n";
  ASSERT_EQ(reload().status, 200u);
  const auto weight = [&](const std::string& id) {
    const auto record = get("/v1/decisions/" + id).json();
    return record.at("weights").as_object().at("cost").to_number<double>();
  };
  EXPECT_EQ(weight(before), 30);
  EXPECT_EQ(weight(route()), 7);
}

TEST_F(Reload, NoRequestOfClientsThatKeepTheirConnectionsFails) {
  start();
  std::atomic<bool> done = false;
  std::atomic<int> answered = 0, failed = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back([&] {
      boost::asio::io_context io;
      agent::HttpClient client(
          io.get_executor(), agent::HttpEndpoint{"127.0.0.1", std::to_string(daemon_->port()), ""},
          "", std::chrono::seconds(20));
      while (!done) {
        boost::asio::co_spawn(io, client.send("/v1/route", R"({"query": "hello"})", {}),
                              [&](std::exception_ptr error, auto got) {
                                const bool good = !error && got && got->result_int() == 200;
                                ++(good ? answered : failed);
                              });
        io.restart();
        io.run();
      }
    });
  }
  for (int i = 0; i < 5; ++i) {
    more_ = "objective: {cost_weight: " + std::to_string(i + 1) + "}\n";
    EXPECT_TRUE(daemon_->reload());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  done = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(failed, 0);
  EXPECT_GT(answered, 0);
  const auto metrics = get("/metrics").text;
  EXPECT_THAT(metrics, HasSubstr("yardmaster_store_decisions " + std::to_string(answered)));
}

TEST_F(Reload, AConfigThatCannotBeUsedChangesNothing) {
  start();
  complete(route(), 1);
  for (const auto& [more, word] :
       {std::pair{"objective: {cost_wait: 1}\n", "cost_wait"},
        std::pair{"retention: {max_age_days: 3}\n", "restart is needed to change retention"},
        std::pair{"store_queries: {max_age_days: 3}\n", "change store_queries.max_age_days"},
        std::pair{"feedback: {window_s: 5}\n", "restart is needed to change feedback"},
        std::pair{"routers: [{name: auto, encoder: \"static:" YARDMASTER_SOURCE_DIR
                  "/README.md\"}]\n",
                  "README.md"},
        std::pair{"objective: {metrics: {quality: 0.5}}\n", "change objective.metrics"}}) {
    more_ = more;
    const Reply refused = reload();
    EXPECT_GE(refused.status, 400u) << more;
    EXPECT_THAT(refused.error(), HasSubstr(word));
    EXPECT_EQ(get("/readyz").status, 200u);
  }
  complete(route(), 1);
  wait_until_learned();
  EXPECT_EQ(learner("policy_version"), 2) << "learning goes on";
}

TEST_F(Reload, WhereTheNewConfigCannotBeServedTheOldOneLearnsOn) {
  start();
  complete(route(), 1);
  more_upstreams_ =
      ", {name: far, kind: openai, base_url: \"https://127.0.0.1:1/v1\", ca_file: /no}";
  EXPECT_GE(reload().status, 400u);
  more_upstreams_ = "";
  for (int i = 0; i < 5; ++i) complete(route(), 1);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (learner("policy_version") < 6 && std::chrono::steady_clock::now() < deadline) {
  }
  EXPECT_EQ(learner("policy_version"), 6) << "at once, and not when a timer runs out";
  EXPECT_EQ(get("/v1/admin/policy").status, 200u);
}

TEST_F(Reload, AStopWhileReloadsAreAskedForEnds) {
  start();
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([port = std::to_string(daemon_->port())] {
      boost::asio::io_context io;
      agent::HttpClient client(io.get_executor(), agent::HttpEndpoint{"127.0.0.1", port, ""}, "",
                               std::chrono::seconds(5));
      for (int round = 0; round < 3; ++round) {
        boost::asio::co_spawn(io, client.send("/v1/admin/reload", "", {}),
                              [](std::exception_ptr, auto) {});
        io.restart();
        io.run();
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  stop();
  for (std::thread& client : clients) client.join();
}

TEST_F(Reload, WithoutAFileToReadItIsRefused) {
  const auto config = read_config("");
  ASSERT_TRUE(config);
  const auto daemon = agent::Daemon::start(*config);
  ASSERT_TRUE(daemon);
  const auto refused = (*daemon)->reload();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("serve --config"));
}

TEST_F(Reload, APausedLearnerStaysPausedAndARolledBackPolicyRolledBack) {
  start();
  complete(route(), 1);
  wait_until_learned();
  ASSERT_EQ(post("/v1/admin/policy/checkpoint", "").status, 200u);
  ASSERT_EQ(post("/v1/admin/policy/rollback", R"({"version": 1})").status, 200u);
  ASSERT_EQ(post("/v1/admin/learner/pause", "").status, 200u);
  complete(route(), 1);
  ASSERT_EQ(reload().status, 200u);
  EXPECT_TRUE(get("/v1/admin/learner").json().at("paused").as_bool());
  EXPECT_EQ(learner("policy_version"), 1) << "what came while paused is not learned";
  const auto policy = get("/v1/admin/policy").json().at("policies").as_array().at(0).as_object();
  EXPECT_TRUE(policy.at("rolled_back").as_bool());
}

}  // namespace
}  // namespace yardmaster
