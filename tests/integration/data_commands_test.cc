// warm-start, export and import as a user calls them, on real data directories.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fstream>
#include <iterator>

#include "agent/commands/export.h"
#include "agent/commands/import.h"
#include "agent/commands/warm_start.h"
#include "agent/keys/api_key.h"
#include "tests/integration/daemon_fixture.h"

namespace yardmaster::agent {
namespace {

namespace json = boost::json;

int run(const std::string& arguments) {
  CLI::App app;
  app.require_subcommand(1);
  int exit_code = 0;
  add_export(app, exit_code);
  add_import(app, exit_code);
  add_warm_start(app, exit_code);
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError&) {
    return 2;
  }
  return exit_code;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

class DataCommands : public test::DaemonFixture {
 protected:
  std::string path(const std::string& name) const { return (dir_.path() / name).string(); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
    return path(name);
  }

  /// A key of the config whose secret is "secret-of-NAME".
  static std::string test_key(const std::string& name) {
    return "  - {name: " + name + ", sha256: " + to_hex(sha256("secret-of-" + name)) +
           ", scopes: [route, feedback]}\n";
  }

  /// The fixture's config with another data directory.
  std::string write_config(const std::string& name) const {
    std::string text = config_text();
    const std::string data = path("data");
    text.replace(text.find(data), data.size(), path(name));
    return write(name + ".yaml", text);
  }

  /// Whether "large" is chosen more often than all others together.
  bool prefers_large() {
    const json::object body = post("/v1/route", R"({"query":"Prove it.","explain":true})").json();
    for (const json::value& candidate : body.at("candidates").as_array()) {
      if (candidate.at("model") == "large") return candidate.at("probability").as_double() > 0.5;
    }
    return false;
  }
};

TEST_F(DataCommands, ADaemonStartsWithWhatAWarmStartTaughtIt) {
  std::string log;
  for (int i = 0; i < 400; ++i) {
    log += R"({"query":"Prove it, part )" + std::to_string(i) +
           R"(.","outcomes":{"large":{"quality":0.9,"cost_usd":0.0001},)"
           R"("small":{"quality":0.1,"cost_usd":0.0001},"offline":{"quality":0.1,"cost_usd":0}}})"
           "\n";
  }
  const std::string config = write("test.yaml", config_text());
  EXPECT_EQ(run("warm-start --config " + config + " --from " + write("log", log + "broken\n") +
                " --json " + path("report.json")),
            0);
  const json::value report = json::parse(read_file(path("report.json")));
  EXPECT_EQ(report.at("used"), 400);
  EXPECT_EQ(report.at("refused"), 1);
  EXPECT_EQ(report.at_pointer("/examples/0/line"), 401);

  start();
  EXPECT_TRUE(prefers_large());
}

TEST_F(DataCommands, WhatAKeySaidIsForgottenByALogWithoutIt) {
  start("keys:\n" + test_key("good") + test_key("misled"));
  connect("secret-of-good");
  const std::string id = route();
  EXPECT_EQ(judge(id, 0.5).status, 200u);
  connect("secret-of-misled");
  EXPECT_EQ(judge(id, 1).status, 200u);
  EXPECT_EQ(judge(route(), 1).status, 200u);
  stop();

  EXPECT_EQ(run("export --data-dir " + path("data") + " --forget-key misled --output " +
                path("kept.jsonl")),
            0);
  const std::string other = write_config("other");
  EXPECT_EQ(run("import --config " + other + " --from " + path("kept.jsonl")), 0);
  EXPECT_EQ(run("export --config " + other + " --output " + path("again.jsonl")), 0);
  const std::string kept = read_file(path("again.jsonl"));
  EXPECT_EQ(std::count(kept.begin(), kept.end(), '\n'), 2) << "the decisions stay";
  EXPECT_THAT(kept, testing::HasSubstr(R"("feedback":[{"metric":"quality","value":0.5)"));
  EXPECT_THAT(kept, testing::Not(testing::HasSubstr(R"("key_scope":"misled")")));
}

TEST_F(DataCommands, ExportWorksWhileTheDaemonRunsAndImportGivesTheSameBack) {
  start();
  const std::string id = route();
  EXPECT_EQ(
      post("/v1/outcomes", R"({"decision_id":")" + id + R"(","status":"ok","latency_s":1})").status,
      200u);
  EXPECT_EQ(judge(id, 0.5).status, 200u);
  route();

  EXPECT_EQ(run("export --data-dir " + path("data") + " --output " + path("all.jsonl")), 0);
  const std::string all = read_file(path("all.jsonl"));
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 2);
  const json::value first = json::parse(all.substr(0, all.find('\n')));
  EXPECT_EQ(first.at("decision_id").as_string(), id);
  EXPECT_EQ(first.at_pointer("/feedback/0/value"), 0.5);

  const std::string other = write_config("other");
  EXPECT_EQ(run("import --config " + other + " --from " + path("all.jsonl")), 0);
  EXPECT_EQ(run("export --config " + other + " --output " + path("again.jsonl")), 0);
  EXPECT_EQ(read_file(path("again.jsonl")), all);
  EXPECT_EQ(run("export --config " + other + " --from 2 --output " + path("tail.jsonl")), 0);
  EXPECT_EQ(read_file(path("tail.jsonl")), all.substr(all.find('\n') + 1));
}

TEST_F(DataCommands, SayWhatIsWrongByTheirExitCodes) {
  const std::string config = write("test.yaml", config_text());
  start();
  const std::string log = write("log", R"({"model":"small","quality":1})");
  EXPECT_EQ(run("warm-start --config " + config + " --from " + log), 1);  // the daemon runs
  EXPECT_EQ(run("import --config " + config + " --from " + log), 1);
  stop();
  EXPECT_EQ(run("import --config " + config + " --from " + log), 1);  // no decision log
  EXPECT_EQ(run("warm-start --config " + config + " --from " + path("absent")), 1);
  EXPECT_EQ(run("warm-start --config " + config + " --from " + log + " --router nobody"), 1);
  EXPECT_EQ(run("warm-start --config " + config + " --from " + log + " --format csv"), 2);
  EXPECT_EQ(run("export"), 2);
  EXPECT_EQ(run("export --data-dir " + path("absent")), 1);
}

}  // namespace
}  // namespace yardmaster::agent
