// What a daemon tells of the calls that it makes, by the access log and the gen_ai metrics, and of
// itself to the system.

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "agent/keys/api_key.h"
#include "tests/common/eventually.h"
#include "tests/integration/flaky_model_fixture.h"

namespace yardmaster {
namespace {

using test::chunk;
using test::kAnswer;
using test::kStreamHead;
using test::status_answer;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using Peer = test::ScriptedServer::Peer;

/// An upstream that answers, streams, or fails, as the body says.
class Observing : public test::FlakyModelFixture {
 protected:
  void SetUp() override {
    more_model_ = ", upstream_model: real-1, input_usd_per_mtok: 1, output_usd_per_mtok: 2";
  }

  void serve_by_request(const std::string& more = "") {
    serve(
        [](Peer& peer, int request) {
          if (request == 0) return peer.answer(kAnswer);
          if (request == 2) return peer.send(status_answer("429 Slow"));
          std::string events = chunk("data: {\"choices\":[]}\n\n");
          if (request == 1) {
            events += chunk(
                "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":7}}\n\n"
                "data: [DONE]\n\n");
            events += "0\r\n\r\n";
          }
          peer.send(kStreamHead + events);
          peer.close();
        },
        "", more);
  }

  std::filesystem::path path() const { return dir_.path() / "access.log"; }

  static std::set<std::string> thread_names() {
    std::set<std::string> names;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      std::string name;
      std::getline(std::ifstream(task.path() / "comm") >> std::ws, name);
      names.insert(name);
    }
    return names;
  }

  /// The lines of the log once the daemon has stopped.
  std::vector<boost::json::object> lines() {
    stop();
    std::vector<boost::json::object> all;
    std::ifstream file(path());
    for (std::string line; std::getline(file, line);) {
      all.push_back(boost::json::parse(line).as_object());
    }
    return all;
  }
};

TEST_F(Observing, TheAccessLogHasALineARequestAndNothingOfItsContent) {
  const std::string hash = agent::to_hex(agent::sha256("ym-secret"));
  serve_by_request("logging: {access_log: '" + path().string() +
                   "'}\n"
                   "keys: [{name: app, sha256: " +
                   hash + ", scopes: [route, feedback]}]\n");
  connect("ym-secret");
  const Reply whole = ask("first", R"(, "user": "a prompt's words")");
  ask("flaky", R"(, "stream": true)");
  ask("flaky");
  ask("flaky", R"(, "stream": true)");
  post("/v1/route", R"({"query": "a prompt's words"})");
  get("/secret/path?key=1");
  get("/v1/decisions/" + whole.header("x-yardmaster-decision-id"));
  connect("wrong");
  ask("first");

  const auto all = lines();
  ASSERT_EQ(all.size(), 8u);
  for (const auto& line : all) {
    const std::string text = boost::json::serialize(line);
    EXPECT_THAT(text, Not(HasSubstr("words")));
    EXPECT_THAT(text, Not(HasSubstr("secret")));
    EXPECT_GE(line.at("total_us").to_number<double>(), 0);
    EXPECT_TRUE(parse_rfc3339(std::string(line.at("time").as_string())));
  }
  EXPECT_EQ(all[0].at("method").as_string(), "POST");
  EXPECT_EQ(all[0].at("route").as_string(), "/v1/chat/completions");
  EXPECT_EQ(all[0].at("status").to_number<int>(), 200);
  EXPECT_EQ(all[0].at("key").as_string(), "app");
  EXPECT_EQ(all[0].at("model").as_string(), "flaky");
  EXPECT_EQ(all[0].at("decision_id").as_string(), whole.header("x-yardmaster-decision-id"));
  EXPECT_EQ(all[0].at("attempts").to_number<int>(), 1);
  EXPECT_EQ(all[0].at("input_tokens").to_number<int>(), 10);
  EXPECT_EQ(all[0].at("output_tokens").to_number<int>(), 20);
  EXPECT_EQ(all[0].at("cost_usd").to_number<double>(), 5e-05);
  EXPECT_LE(all[0].at("own_us").to_number<double>(), all[0].at("total_us").to_number<double>());
  EXPECT_EQ(all[1].at("stream").as_string(), "complete");
  EXPECT_EQ(all[1].at("output_tokens").to_number<int>(), 7);
  EXPECT_EQ(all[2].at("status").to_number<int>(), 429);
  EXPECT_EQ(all[3].at("stream").as_string(), "broken");
  EXPECT_EQ(all[3].at("status").to_number<int>(), 200);
  EXPECT_EQ(all[4].at("route").as_string(), "/v1/route");
  EXPECT_EQ(all[5].at("route").as_string(), "unknown");
  EXPECT_EQ(all[6].at("route").as_string(), "/v1/decisions/");
  EXPECT_EQ(all[7].at("status").to_number<int>(), 401);
  EXPECT_FALSE(all[7].contains("key"));
}

TEST_F(Observing, TheConventionsMetricsTellTokensDurationsAndErrors) {
  serve_by_request();
  ask("flaky");
  ask("flaky", R"(, "stream": true)");
  ask("flaky");
  const std::string labels = R"({gen_ai_operation_name="chat",gen_ai_provider_name="openai",)"
                             R"(gen_ai_request_model="real-1",model="flaky")";
  const std::string metrics = get("/metrics").text;
  const std::string tokens = "gen_ai_client_token_usage_sum" + labels;
  EXPECT_THAT(metrics, HasSubstr(tokens + R"(,gen_ai_token_type="input"} 15)"));
  EXPECT_THAT(metrics, HasSubstr(tokens + R"(,gen_ai_token_type="output"} 27)"));
  EXPECT_THAT(metrics, HasSubstr("gen_ai_client_token_usage_bucket" + labels +
                                 R"(,gen_ai_token_type="output",le="16"} 1)"));
  const std::string count = "gen_ai_client_operation_duration_seconds_count" + labels;
  EXPECT_THAT(metrics, HasSubstr(count + "} 2"));
  EXPECT_THAT(metrics, HasSubstr(count + R"(,error_type="429"} 1)"));
  EXPECT_THAT(metrics,
              HasSubstr("gen_ai_server_time_to_first_token_seconds_count" + labels + "} 1"));
  EXPECT_THAT(metrics, Not(HasSubstr(R"(gen_ai_request_model="small")")));
}

TEST_F(Observing, ThreadsBearTheNamesOfTheirWork) {
  serve_by_request("logging: {access_log: '" + path().string() + "'}\n");
  ask("first");
  const auto expected =
      IsSupersetOf({"io", "store-writer", "store-syncer", "learner", "access-log"});
  test::eventually([&] { return testing::Value(thread_names(), expected); });
  EXPECT_THAT(thread_names(), expected);
}

TEST_F(Observing, AnAccessLogThatCannotBeOpenedStopsTheStart) {
  const auto config = read_config("logging: {access_log: /nowhere/access.log}\n");
  ASSERT_TRUE(config);
  const auto daemon = agent::Daemon::start(*config, {});
  ASSERT_FALSE(daemon);
  EXPECT_THAT(daemon.error().message, HasSubstr("/nowhere/access.log"));
}

}  // namespace
}  // namespace yardmaster
