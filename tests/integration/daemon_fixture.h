#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <memory>
#include <string>

#include "agent/config.h"
#include "agent/daemon.h"
#include "agent/http/client.h"
#include "tests/common/temp_dir.h"

namespace yardmaster::test {

/// A daemon in this process on a free port, with simulated models, and a client to call it.
class DaemonFixture : public ::testing::Test {
 protected:
  /// `more` is YAML that follows the pool.
  std::string config_text(const std::string& more = "") const {
    return "listen: {address: 127.0.0.1, port: 0" + more_listen_ +
           "}\n"
           "data_dir: " +
           (dir_.path() / "data").string() +
           "\n"
           "upstreams: [{name: sim, kind: simulated}" +
           more_upstreams_ +
           "]\n"
           "models:\n"
           "  - {name: small, upstream: sim, input_usd_per_mtok: 0.1, output_usd_per_mtok: 0.4, "
           "context_tokens: 4096}\n"
           "  - {name: large, upstream: sim, input_usd_per_mtok: 5, output_usd_per_mtok: 15, "
           "context_tokens: 128000}\n"
           "  - {name: offline, input_usd_per_mtok: 1, output_usd_per_mtok: 2}\n" +
           more_models_ + more;
  }

  /// The config of what the file would hold now.
  Result<agent::Config> read_config(const std::string& more) const {
    return agent::parse_config(config_text(more), "test.yaml",
                               [](std::string_view) { return std::optional<std::string>(); });
  }

  void start(const std::string& more = "") {
    more_ = more;
    auto config = read_config(more);
    ASSERT_TRUE(config) << config.error().message;
    agent::DaemonOptions options;
    options.store_env = store_env_;
    options.read_config = [this] { return read_config(more_); };
    auto daemon = agent::Daemon::start(*config, std::move(options));
    ASSERT_TRUE(daemon) << daemon.error().message;
    daemon_ = std::move(*daemon);
    connect("");
  }

  void connect(const std::string& key) {
    client_ = std::make_unique<agent::HttpClient>(
        io_.get_executor(), agent::HttpEndpoint{"127.0.0.1", std::to_string(daemon_->port()), ""},
        key, std::chrono::seconds(20));
  }

  void stop() {
    client_.reset();
    if (daemon_) daemon_->stop(std::chrono::seconds(5));
    daemon_.reset();
  }

  void TearDown() override { stop(); }

  struct Reply {
    unsigned status = 0;
    std::string text;
    agent::HttpClient::Answer answer;

    boost::json::object json() const { return boost::json::parse(text).as_object(); }
    std::string header(const char* name) const { return std::string(answer[name]); }
    std::string error() const {
      return std::string(json().at("error").as_object().at("message").as_string());
    }
  };

  Reply send(const std::string& target, std::optional<std::string> body,
             agent::HttpClient::Headers headers = {}) {
    Result<agent::HttpClient::Answer> answer = fail(ErrorCode::io, "not sent");
    boost::asio::co_spawn(io_, client_->send(target, std::move(body), std::move(headers)),
                          [&](std::exception_ptr error, Result<agent::HttpClient::Answer> got) {
                            if (!error) answer = std::move(got);
                          });
    io_.restart();
    io_.run();
    EXPECT_TRUE(answer) << answer.error().message;
    if (!answer) return {};
    return {answer->result_int(), answer->body(), std::move(*answer)};
  }

  Reply post(const std::string& target, std::string body, agent::HttpClient::Headers headers = {}) {
    return send(target, std::move(body), std::move(headers));
  }
  Reply get(const std::string& target) { return send(target, std::nullopt); }

  /// The text of a string field of an answer.
  static std::string text(const Reply& reply, const char* field) {
    return std::string(reply.json().at(field).as_string());
  }

  std::string route(const std::string& query = "What is the capital of France?") {
    const Reply reply = post("/v1/route", R"({"query": ")" + query + R"("})");
    EXPECT_EQ(reply.status, 200u) << reply.text;
    return text(reply, "decision_id");
  }

  Reply judge(const std::string& id, double value, const std::string& more = "") {
    return post("/v1/feedback", R"({"decision_id": ")" + id +
                                    R"(", "metric": "quality", "value": )" + std::to_string(value) +
                                    more + "}");
  }

  TempDir dir_;
  std::string more_;                   ///< what a reload reads after the pool
  rocksdb::Env* store_env_ = nullptr;  ///< the file system under the store
  std::string more_listen_;            ///< set before start(): ", key: value"
  std::string more_upstreams_;         ///< set before start(): ", {name: ...}"
  std::string more_models_;            ///< set before start(): "  - {name: ...}\n"
  boost::asio::io_context io_;
  std::unique_ptr<agent::Daemon> daemon_;
  std::unique_ptr<agent::HttpClient> client_;
};

}  // namespace yardmaster::test
