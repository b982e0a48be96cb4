// Clients that open more connections than the process may have descriptors.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/json.hpp>
#include <csignal>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/http/client.h"
#include "base/descriptors.h"
#include "tests/common/child_process.h"
#include "tests/common/temp_dir.h"

namespace yardmaster {
namespace {

namespace asio = boost::asio;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kDescriptors = 512;  // of the daemon
constexpr std::size_t kFlood = 1000;

class ConnectionFlood : public ::testing::Test {
 protected:
  void SetUp() override {
    if (raise_descriptor_limit() < 2 * kFlood) {
      GTEST_SKIP() << "this process may not have " << 2 * kFlood << " open files";
    }
    const std::string config = (dir_.path() / "config.yaml").string();
    std::ofstream(config) << "listen: {port: 0}\ndata_dir: " << (dir_.path() / "data")
                          << "\nmodels: [{name: a}, {name: b}]\n";
    daemon_ = std::make_unique<test::ChildProcess>(std::vector<std::string>{
        "/bin/bash", "-c",
        "ulimit -n " + std::to_string(kDescriptors) +
            " && exec '" YARDMASTER_BINARY "' serve --config '" + config + "'"});
    const std::string line = daemon_->read_until("listening on ");
    ASSERT_FALSE(line.empty()) << daemon_->log;
    port_ = line.substr(line.rfind(':') + 1);
  }

  std::unique_ptr<agent::HttpClient> new_client() {
    return std::make_unique<agent::HttpClient>(io_.get_executor(),
                                               agent::HttpEndpoint{"127.0.0.1", port_, ""}, "",
                                               std::chrono::seconds(20));
  }

  /// Nothing where the daemon closed the connection.
  std::optional<agent::HttpClient::Answer> post(agent::HttpClient& client,
                                                const std::string& target,
                                                const std::string& body) {
    std::optional<agent::HttpClient::Answer> answer;
    asio::co_spawn(io_, client.send(target, body, {}),
                   [&](std::exception_ptr, Result<agent::HttpClient::Answer> got) {
                     if (got) answer = std::move(*got);
                   });
    io_.restart();
    io_.run();
    return answer;
  }

  /// What route answers is logged, and by the policy.
  bool routes(agent::HttpClient& client) {
    const auto answer = post(client, "/v1/route", R"({"query": "hello"})");
    return answer && answer->result_int() == 200 &&
           !(*answer)["x-yardmaster-decision-id"].empty() &&
           (*answer)["x-yardmaster-degraded"].empty();
  }

  test::TempDir dir_;
  std::string port_;
  asio::io_context io_;
  std::unique_ptr<test::ChildProcess> daemon_;
};

TEST_F(ConnectionFlood, LeavesTheStoreItsFilesAndThoseWhoAreConnectedTheirConnections) {
  EXPECT_THAT(daemon_->log, HasSubstr("connections in place of 4096"));
  const auto known = new_client();
  ASSERT_TRUE(routes(*known));

  const asio::ip::tcp::endpoint endpoint(asio::ip::address_v4::loopback(),
                                         static_cast<std::uint16_t>(std::stoi(port_)));
  std::vector<asio::ip::tcp::socket> flood;
  for (std::size_t i = 0; i < kFlood; ++i) flood.emplace_back(io_).connect(endpoint);

  for (int i = 0; i < 20; ++i) ASSERT_TRUE(routes(*known)) << i;
  const auto backup = post(*known, "/v1/admin/backup", "{}");
  ASSERT_TRUE(backup);
  EXPECT_EQ(backup->result_int(), 200u) << backup->body();
  EXPECT_FALSE(routes(*new_client())) << "there is no room";

  flood.clear();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!routes(*new_client())) {
    ASSERT_LT(std::chrono::steady_clock::now(), end) << "there is room again";
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  daemon_->kill(SIGTERM);
  EXPECT_EQ(daemon_->wait(), 0);
  daemon_->read_until("stopped");
  EXPECT_THAT(daemon_->log, Not(HasSubstr("cannot accept connections")));
}

TEST(DescriptorShares, LeaveRoomForBothAndNeverNothing) {
  for (const std::size_t limit : {0u, 64u, 128u, 512u, 1024u, 65'536u, 1u << 20}) {
    const DescriptorShares shares = share_descriptors(limit);
    EXPECT_GE(shares.clients, 1u);
    EXPECT_GE(shares.tables, 16u);
    if (limit >= 128) {
      EXPECT_LT(shares.tables + 2 * shares.clients, limit);
    }
  }
}

}  // namespace
}  // namespace yardmaster
