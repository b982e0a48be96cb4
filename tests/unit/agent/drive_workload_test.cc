#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "agent/drive/workload.h"
#include "agent/http/client.h"
#include "env/simulated_world.h"
#include "tests/common/temp_dir.h"

namespace yardmaster::agent {
namespace {

using testing::ElementsAre;

constexpr std::string_view kModels = R"({"object":"list","data":[
  {"id":"auto","object":"model","owned_by":"yardmaster"},
  {"id":"a","object":"model","yardmaster":{"input_usd_per_mtok":1,"output_usd_per_mtok":2.5,
    "context_tokens":8192}},
  {"id":"b","object":"model","yardmaster":{"input_usd_per_mtok":null,"output_usd_per_mtok":null,
    "context_tokens":null}}],
  "yardmaster":{"routers":[{"name":"auto"}],"objective":{"cost_weight":30,"latency_weight":0.5}}})";

std::string write_file(const test::TempDir& directory, std::string_view text) {
  const std::string path = (directory.path() / "outcomes.jsonl").string();
  std::ofstream(path) << text;
  return path;
}

TEST(DriveWorkload, ReadsTheDaemonsModelsAndObjective) {
  const auto info = read_daemon_info(kModels);
  ASSERT_TRUE(info);
  ASSERT_EQ(info->models.size(), 2u);
  EXPECT_EQ(info->models[0].name, "a");
  EXPECT_EQ(info->models[0].output_usd_per_mtok, 2.5);
  EXPECT_EQ(info->models[1].input_usd_per_mtok, std::nullopt);
  EXPECT_EQ(info->weights, (ObjectiveWeights{30, 0.5}));
  EXPECT_EQ(info->router, "auto");
  EXPECT_TRUE(info->simulated);
}

TEST(DriveWorkload, SeesThatAModelIsReal) {
  std::string text(kModels);
  text.replace(text.find("\"context_tokens\":8192"), 0, "\"upstream_kind\":\"openai\",");
  EXPECT_FALSE(read_daemon_info(text)->simulated);
  text.replace(text.find("\"openai\""), 8, "\"simulated\"");
  EXPECT_TRUE(read_daemon_info(text)->simulated);
}

TEST(DriveWorkload, RefusesWhatIsNoDaemon) {
  EXPECT_FALSE(read_daemon_info("<html>"));
  EXPECT_FALSE(read_daemon_info(R"({"object":"list","data":[]})"));
  EXPECT_FALSE(read_daemon_info(R"([1,2])"));
}

TEST(DriveWorkload, JudgesBuiltInQueriesAsTheSimulatedUpstreamAnswersThem) {
  const auto info = read_daemon_info(kModels);
  const Workload workload = built_in_workload(*info, 7, 1, 20);
  ASSERT_EQ(workload.order.size(), 20u);
  const DriveQuery& query = workload.query(3);
  const env::SimulatedOutcome truth = env::SimulatedWorld(7).outcome(query.text, info->models[0]);
  EXPECT_EQ(query.outcomes[0]->quality, truth.quality);
  EXPECT_EQ(query.outcomes[0]->cost_usd, truth.cost_usd);
  EXPECT_EQ(query.outcomes[1]->cost_usd, 0);  // unknown prices
}

TEST(DriveWorkload, TakesFromADataSetTheModelsThatTheDaemonHas) {
  const test::TempDir directory;
  const std::string path =
      write_file(directory,
                 R"({"query":"one","outcomes":{"a":{"quality":1},"c":{"quality":0}}}
not json
{"query":"two","outcomes":{"c":{"quality":1}}}
{"query":"three","outcomes":{"a":{"quality":0.5,"cost_usd":0.01},"b":{"quality":0.25}}}
)");
  const auto workload = data_workload(*read_daemon_info(kModels), path, 0, 0);
  ASSERT_TRUE(workload);
  ASSERT_EQ(workload->queries.size(), 2u);
  EXPECT_EQ(workload->refused_lines, 2u);
  EXPECT_FALSE(workload->complete);
  EXPECT_FALSE(workload->queries[0].outcomes[1].has_value());
  EXPECT_NEAR(workload->queries[1].outcomes[0]->reward({30, 0}), 0.2, 1e-12);
}

TEST(DriveWorkload, ShufflesBySeedAndEveryPassAnew) {
  const test::TempDir directory;
  std::string lines;
  for (int i = 0; i < 50; ++i) {
    lines += R"({"query":"q)" + std::to_string(i) + R"(","outcomes":{"a":{"quality":1}}})" + "\n";
  }
  const std::string path = write_file(directory, lines);
  const auto info = read_daemon_info(kModels);
  const auto twice = data_workload(*info, path, 1, 100);
  ASSERT_TRUE(twice);
  std::vector<std::size_t> first(twice->order.begin(), twice->order.begin() + 50);
  std::vector<std::size_t> second(twice->order.begin() + 50, twice->order.end());
  EXPECT_NE(first, second);
  EXPECT_EQ(data_workload(*info, path, 1, 0)->order, first);
  EXPECT_NE(data_workload(*info, path, 2, 0)->order, first);
  std::sort(first.begin(), first.end());
  EXPECT_EQ(std::unique(first.begin(), first.end()), first.end());
}

TEST(DriveWorkload, FailsWhereNoRowHasAModelOfTheDaemon) {
  const test::TempDir directory;
  const std::string path = write_file(directory, R"({"query":"q","outcomes":{"z":{"quality":1}}})");
  EXPECT_FALSE(data_workload(*read_daemon_info(kModels), path, 0, 0));
  EXPECT_FALSE(data_workload(*read_daemon_info(kModels), path + ".absent", 0, 0));
}

TEST(HttpEndpoint, IsReadFromAUrl) {
  const auto endpoint = parse_http_endpoint("http://127.0.0.1:8080/");
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->host, "127.0.0.1");
  EXPECT_EQ(endpoint->port, "8080");
  EXPECT_EQ(endpoint->path, "");
  EXPECT_EQ(parse_http_endpoint("http://localhost/router")->path, "/router");
  EXPECT_EQ(parse_http_endpoint("http://localhost")->port, "80");
  EXPECT_FALSE(parse_http_endpoint("ftp://localhost"));
  EXPECT_FALSE(parse_http_endpoint("localhost:8080"));
  EXPECT_FALSE(parse_http_endpoint(""));
}

}  // namespace
}  // namespace yardmaster::agent
