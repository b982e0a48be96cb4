// A daemon whose disk is full keeps serving the baseline and says so; it recovers by itself.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <csignal>
#include <fstream>

#include "agent/http/client.h"
#include "tests/common/child_process.h"
#include "tests/common/temp_dir.h"

namespace yardmaster {
namespace {

using ::testing::HasSubstr;

/// The daemon as a program of its own, under a limit on the size of files: past it, writing fails
/// as on a full disk.
class FullDisk : public ::testing::Test {
 protected:
  static constexpr rlim_t kLimitBytes = 256 * 1024;

  void SetUp() override {
    const std::string config = (dir_.path() / "config.yaml").string();
    std::ofstream(config)
        << "listen: {port: 0}\ndata_dir: " << (dir_.path() / "data")
        << "\nmodels: [{name: a}, {name: b}]\n"
           "routers: [{name: auto, policy: random, encoder: hash, baseline: b}]\n";
    // Ignored signals stay ignored across exec: a write past the limit fails with EFBIG instead.
    std::signal(SIGXFSZ, SIG_IGN);
    daemon_ = std::make_unique<test::ChildProcess>(
        std::vector<std::string>{YARDMASTER_BINARY, "serve", "--config", config});
    const std::string line = daemon_->read_until("listening on ");
    ASSERT_FALSE(line.empty()) << daemon_->log;
    client_ = std::make_unique<agent::HttpClient>(
        io_.get_executor(), agent::HttpEndpoint{"127.0.0.1", line.substr(line.rfind(':') + 1), ""},
        "", std::chrono::seconds(20));
  }

  void limit_files(rlim_t bytes) {
    const rlimit limit{bytes, RLIM_INFINITY};
    ASSERT_EQ(::prlimit(daemon_->pid(), RLIMIT_FSIZE, &limit, nullptr), 0);
  }

  agent::HttpClient::Answer post(const std::string& target, const std::string& body) {
    agent::HttpClient::Answer answer;
    boost::asio::co_spawn(io_, client_->send(target, body, {}),
                          [&](std::exception_ptr, Result<agent::HttpClient::Answer> got) {
                            ASSERT_TRUE(got) << got.error().message;
                            answer = std::move(*got);
                          });
    io_.restart();
    io_.run();
    return answer;
  }

  /// Routes until the answer is (or is not) degraded; fails after many tries.
  agent::HttpClient::Answer route_until_degraded(bool degraded) {
    const std::string body = R"({"query": ")" + std::string(4000, 'x') + R"("})";
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (;;) {
      auto answer = post("/v1/route", body);
      EXPECT_EQ(answer.result_int(), 200u) << answer.body();
      if (answer["x-yardmaster-degraded"].empty() != degraded) return answer;
      if (std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << "never became " << (degraded ? "degraded" : "healthy");
        return answer;
      }
    }
  }

  test::TempDir dir_;
  boost::asio::io_context io_;
  std::unique_ptr<test::ChildProcess> daemon_;
  std::unique_ptr<agent::HttpClient> client_;
};

TEST_F(FullDisk, TheBaselineServesUnloggedFeedbackWaitsAndNothingAcknowledgedIsLost) {
  const auto before = post("/v1/route", R"({"query": "before"})");
  const std::string id(before["x-yardmaster-decision-id"]);
  limit_files(kLimitBytes);

  const auto degraded = route_until_degraded(true);
  const auto body = boost::json::parse(degraded.body()).as_object();
  EXPECT_EQ(body.at("model").as_string(), "b") << "the baseline";
  EXPECT_TRUE(body.at("decision_id").is_null());

  const std::string feedback =
      R"({"decision_id": ")" + id + R"(", "metric": "quality", "value": 1})";
  const auto refused = post("/v1/feedback", feedback);
  EXPECT_EQ(refused.result_int(), 503u) << refused.body();
  EXPECT_FALSE(refused["Retry-After"].empty());

  limit_files(RLIM_INFINITY);
  route_until_degraded(false);
  const auto accepted = post("/v1/feedback", feedback);
  EXPECT_EQ(accepted.result_int(), 200u) << accepted.body();
}

}  // namespace
}  // namespace yardmaster
