// `yardmaster keys` as a user calls it, beside a daemon that runs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/common/child_process.h"
#include "tests/common/raw_client.h"
#include "tests/common/temp_dir.h"

namespace yardmaster::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class KeysCommand : public testing::Test {
 protected:
  struct Ran {
    int status;
    std::string output;  ///< standard output
  };

  Ran keys(const std::string& arguments) {
    const std::string command = std::string(YARDMASTER_BINARY) + " keys " + arguments +
                                " --config " + config_ + " 2>>" + path("errors");
    FILE* pipe = ::popen(command.c_str(), "r");
    std::string output;
    std::array<char, 4096> chunk;
    while (const std::size_t got = std::fread(chunk.data(), 1, chunk.size(), pipe)) {
      output.append(chunk.data(), got);
    }
    const int status = ::pclose(pipe);
    return {WEXITSTATUS(status), std::move(output)};
  }

  std::string make(const std::string& arguments) {
    Ran ran = keys("add " + arguments);
    EXPECT_EQ(ran.status, 0);
    EXPECT_THAT(ran.output, testing::MatchesRegex("ym-[0-9a-f]{48}\n"));
    ran.output.pop_back();
    return ran.output;
  }

  std::string path(const std::string& name) const { return (dir_.path() / name).string(); }

  std::string read_file(const std::string& name) const {
    std::ifstream file(name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  void write_config(const std::string& address) {
    std::ofstream(config_)
        << "listen: {address: " << address << ", port: 0}\n"
        << "data_dir: " << path("data") << "\n"
        << "upstreams: [{name: sim, kind: simulated}]\n"
        << "models: [{name: small, upstream: sim}, {name: large, upstream: sim}]\n"
        << "logging: {level: debug}\n";
  }

  std::unique_ptr<ChildProcess> serve() {
    auto daemon = std::make_unique<ChildProcess>(
        std::vector<std::string>{YARDMASTER_BINARY, "serve", "--config", config_});
    const std::string line = daemon->read_until("listening on");
    if (!line.empty()) {
      port_ = static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(':') + 1)));
    }
    return daemon;
  }

  RawClient::Answer ask(const std::string& method, const std::string& target,
                        const std::string& secret, const std::string& body = "") const {
    RawClient client(port_);
    client.send(method + " " + target + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + secret +
                "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return client.read_answer();
  }

  unsigned route(const std::string& secret) const {
    return ask("POST", "/v1/route", secret, R"({"query": "Hello"})").result_int();
  }

  /// Asks until the daemon has noticed.
  unsigned route_until(const std::string& secret, unsigned status) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (route(secret) != status && std::chrono::steady_clock::now() < end) {
    }
    return route(secret);
  }

  TempDir dir_;
  std::string config_ = (dir_.path() / "yardmaster.yaml").string();
  std::uint16_t port_ = 0;
};

TEST_F(KeysCommand, MakesKeysForADaemonThatOthersReach) {
  write_config("0.0.0.0");
  EXPECT_EQ(serve()->wait(), 1);
  const std::string secret = make("app --models small --budget-usd-per-day 1");
  EXPECT_EQ(keys("add app").status, 1);
  EXPECT_EQ(keys("add other --models nothing").status, 1);
  EXPECT_EQ(keys("add 'not a name'").status, 2);
  const auto daemon = serve();
  EXPECT_EQ(route(secret), 200u);
  EXPECT_EQ(route("wrong"), 401u);
  const Ran listed = keys("list --json " + path("keys.json"));
  EXPECT_EQ(listed.status, 0);
  for (const std::string& text : {listed.output, read_file(path("keys.json"))}) {
    EXPECT_THAT(text, HasSubstr("app"));
    EXPECT_THAT(text, HasSubstr("active"));
    EXPECT_THAT(text, HasSubstr("small"));
  }
}

TEST_F(KeysCommand, ARunningDaemonTakesInNewKeysAndRefusesRevokedOnes) {
  write_config("127.0.0.1");
  const auto daemon = serve();
  EXPECT_EQ(route("anything"), 200u);
  const std::string secret = make("app");
  EXPECT_EQ(route_until("anything", 401), 401u);
  EXPECT_EQ(route(secret), 200u);
  EXPECT_EQ(keys("revoke app").status, 0);
  EXPECT_EQ(keys("revoke app").status, 1);
  EXPECT_EQ(route_until(secret, 401), 401u);
  EXPECT_THAT(ask("GET", "/v1/models", secret).body(), HasSubstr("was revoked at"));
  EXPECT_EQ(route("anything"), 401u);  // the last one's going opens nothing
}

TEST_F(KeysCommand, NoSecretIsInAnyLogOrFile) {
  write_config("127.0.0.1");
  const std::string made = make("ops --scopes admin,route");
  auto daemon = serve();
  const auto answer = ask("POST", "/v1/admin/keys", made, R"({"name": "app"})");
  ASSERT_EQ(answer.result_int(), 200u) << answer.body();
  const std::size_t begin = answer.body().find("ym-");
  ASSERT_NE(begin, std::string::npos);
  const std::string created = answer.body().substr(begin, 51);
  const std::string wrong = "ym-wrong0123456789";
  for (const std::string& secret : {made, created, wrong}) {
    route(secret);
    ask("GET", "/v1/models?key=" + secret, secret);
    ask("GET", "/v1/" + secret, secret);
    ask("DELETE", "/v1/admin/keys/" + secret, made);
  }
  EXPECT_EQ(ask("DELETE", "/v1/admin/keys/app", made).result_int(), 200u);
  EXPECT_EQ(route(created), 401u);
  daemon->kill(SIGTERM);
  daemon->read_until("never to be read");
  EXPECT_EQ(daemon->wait(), 0);
  EXPECT_THAT(daemon->log, HasSubstr("stopped"));
  std::string all = daemon->log + read_file(path("errors"));
  for (const auto& file : std::filesystem::recursive_directory_iterator(path("data"))) {
    if (file.is_regular_file()) all += read_file(file.path());
  }
  for (const std::string& secret : {made, created, wrong}) {
    EXPECT_THAT(all, Not(HasSubstr(secret.substr(3))));
  }
}

}  // namespace
}  // namespace yardmaster::test
