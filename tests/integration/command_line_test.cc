// The program as a shell sees it: exit statuses, standard output, what is left behind.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "agent/daemon.h"
#include "tests/common/temp_dir.h"

namespace yardmaster {
namespace {

using ::testing::HasSubstr;

struct ShellResult {
  int status = -1;
  std::string output;  ///< standard output and standard error
};

class CommandLine : public ::testing::Test {
 protected:
  /// Runs a line of shell in which $Y is the program.
  ShellResult run(const std::string& line) const {
    const std::string script =
        "export TMPDIR='" + temporary() + "' Y='" YARDMASTER_BINARY "'; { " + line + "; } 2>&1";
    ShellResult result;
    FILE* pipe = ::popen(("/bin/bash -c \"" + script + "\"").c_str(), "r");
    char chunk[4096];
    while (const std::size_t got = std::fread(chunk, 1, sizeof chunk, pipe)) {
      result.output.append(chunk, got);
    }
    const int status = ::pclose(pipe);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return result;
  }

  std::string write(const std::string& name, const std::string& text) const {
    const std::string path = (dir_.path() / name).string();
    std::ofstream(path) << text;
    return path;
  }

  std::string good_config() const {
    return write("good.yaml", "data_dir: " + (dir_.path() / "data").string() +
                                  "\nmodels: [{name: small}, {name: large}]\n");
  }

  std::string temporary() const {
    const auto path = dir_.path() / "tmp";
    std::filesystem::create_directories(path);
    return path.string();
  }

  test::TempDir dir_;
};

TEST_F(CommandLine, CheckConfigPrintsTheResolvedConfig) {
  const ShellResult checked = run("\\$Y check-config " + good_config());
  EXPECT_EQ(checked.status, 0) << checked.output;
  EXPECT_THAT(checked.output, HasSubstr("name: \"large\""));
  const ShellResult again =
      run("\\$Y check-config " + good_config() + " > " + (dir_.path() / "again.yaml").string() +
          " && \\$Y check-config " + (dir_.path() / "again.yaml").string());
  EXPECT_EQ(again.output, checked.output) << "what it prints is a config that means the same";
}

TEST_F(CommandLine, CheckConfigNamesTheLineOfEachMistake) {
  const std::string bad = write("bad.yaml", "models: [{name: a}]\nlisten: {prot: 1}\n");
  const ShellResult checked = run("\\$Y check-config " + bad);
  EXPECT_EQ(checked.status, 1);
  EXPECT_THAT(checked.output, HasSubstr(":2"));
  EXPECT_THAT(checked.output, HasSubstr("prot"));
}

TEST_F(CommandLine, CheckConfigWantsTheEncodersFilesToBeThere) {
  const std::string bad = write(
      "bad.yaml", "models: [{name: a}]\nrouters: [{name: auto, encoder: \"static:/no/table\"}]\n");
  const ShellResult checked = run("\\$Y check-config " + bad);
  EXPECT_EQ(checked.status, 1);
  EXPECT_THAT(checked.output, HasSubstr("/no/table"));
}

TEST_F(CommandLine, AWrongCallIsStatusTwo) {
  for (const char* arguments :
       {"", "fly", "check-config", "serve --colour red", "simulate --data x --cost-weight -1",
        "drive --url http://127.0.0.1:1 --queries 0"}) {
    EXPECT_EQ(run(std::string("\\$Y ") + arguments).status, 2) << arguments;
  }
}

TEST_F(CommandLine, OutputThatCannotBeWrittenIsAFailure) {
  const ShellResult full = run("\\$Y check-config " + good_config() + " > /dev/full");
  EXPECT_EQ(full.status, 1);
  EXPECT_THAT(full.output, HasSubstr("could not be written"));
}

TEST_F(CommandLine, AnExportWhoseReaderLeavesLeavesNothingBehind) {
  agent::Config config;
  config.listen.port = 0;
  config.data_dir = (dir_.path() / "data").string();
  config.models.resize(1);
  config.models[0].name = "a";
  config.routers = {agent::RouterConfig{}};
  auto daemon = agent::Daemon::start(config);
  ASSERT_TRUE(daemon) << daemon.error().message;
  EXPECT_EQ(std::filesystem::status(config.data_dir).permissions(),
            std::filesystem::perms::owner_all)
      << "queries may be stored there";
  const std::string url = "http://127.0.0.1:" + std::to_string((*daemon)->port());
  const std::string data =
      write("outcomes.jsonl",
            R"({"query_id":"1","query":"a rather short one","outcomes":{"a":{"quality":1}}})"
            "\n");
  ASSERT_EQ(run("\\$Y drive --url " + url + " --data " + data + " --queries 500").status, 0);
  run("\\$Y export --data-dir " + config.data_dir + " | head -n 1");
  EXPECT_TRUE(std::filesystem::is_empty(temporary()));
}

}  // namespace
}  // namespace yardmaster
