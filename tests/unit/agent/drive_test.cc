#include "agent/commands/drive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>

#include "agent/drive/driver.h"
#include "agent/http/server.h"
#include "tests/common/temp_dir.h"

namespace yardmaster::agent {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

using testing::HasSubstr;

constexpr std::string_view kModels = R"({"object":"list","data":[{"id":"auto"},
  {"id":"good","yardmaster":{"input_usd_per_mtok":1,"output_usd_per_mtok":1}},
  {"id":"bad","yardmaster":{"input_usd_per_mtok":0,"output_usd_per_mtok":0}}],
  "yardmaster":{"objective":{"cost_weight":30,"latency_weight":0}}})";

/// A peer that speaks the daemon's routes over a real socket, always choosing `choice`, and keeps
/// what it was told.
class Peer {
 public:
  using Script = std::function<std::optional<HttpResponse>(const HttpRequest&, int visit)>;

  explicit Peer(std::string choice = "good", Script script = nullptr)
      : choice_(std::move(choice)), script_(std::move(script)) {
    auto handler = [this](HttpRequest request) { return answer(std::move(request)); };
    server_ = *HttpServer::listen(io_, "127.0.0.1", 0, {}, handler);
    server_->start();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Peer() { stop(); }

  void stop() {
    if (!thread_.joinable()) return;
    auto drained =
        asio::co_spawn(io_, server_->drain(std::chrono::milliseconds(0)), asio::use_future);
    drained.wait();
    io_.stop();
    thread_.join();
    server_.reset();
  }

  DriveOptions options() const {
    DriveOptions options;
    options.endpoint = {"127.0.0.1", std::to_string(server_->port()), ""};
    options.concurrency = 4;
    return options;
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }

  /// Bodies posted to a route, after stop().
  const std::vector<json::value>& posted(const std::string& target) { return posted_[target]; }
  const std::vector<std::string>& allowed() const { return allowed_; }

 private:
  asio::awaitable<HttpResponse> answer(HttpRequest request) {
    const std::string target(request.target());
    if (script_) {
      if (auto scripted = script_(request, visits_[target]++)) co_return std::move(*scripted);
    }
    HttpResponse response;
    if (target == "/v1/models") {
      response.body = kModels;
      co_return response;
    }
    posted_[target].push_back(json::parse(request.body()));
    if (target == "/v1/route" || target == "/v1/chat/completions") {
      allowed_.emplace_back(request["x-yardmaster-allow-models"]);
      response.headers.add("x-yardmaster-decision-id", "id-" + std::to_string(next_id_++));
      response.headers.add("x-yardmaster-model", choice_);
    }
    response.body = "{}";
    co_return response;
  }

  std::string choice_;
  Script script_;
  asio::io_context io_{1};
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
  std::map<std::string, int> visits_;
  std::map<std::string, std::vector<json::value>> posted_;
  std::vector<std::string> allowed_;
  int next_id_ = 0;
};

Workload workload_of(std::size_t queries) {
  KnownOutcome good;
  good.quality = 0.75;
  good.cost_usd = 0.001;
  good.output_tokens = 12;
  KnownOutcome bad;
  bad.quality = 0.25;
  Workload workload;
  workload.models = {"good", "bad"};
  for (std::size_t i = 0; i < queries; ++i) {
    workload.queries.push_back({"query " + std::to_string(i), {good, bad}});
    workload.order.push_back(i);
  }
  return workload;
}

DriveTally drive_quietly(const DriveOptions& options, const Workload& workload) {
  return drive(options, workload, [](std::uint64_t) {});
}

TEST(Drive, TellsTheDaemonTheOutcomeAndTheFeedbackOfEachDecision) {
  Peer peer;
  const DriveTally tally = drive_quietly(peer.options(), workload_of(20));
  peer.stop();
  EXPECT_TRUE(tally.complete);
  EXPECT_EQ(tally.errors, 0u) << testing::PrintToString(tally.error_examples);
  for (const RequestCount& count : {tally.decisions, tally.outcomes, tally.feedback}) {
    EXPECT_EQ(count.sent, 20u);
    EXPECT_EQ(count.acknowledged, 20u);
  }
  EXPECT_EQ(tally.chosen[0], 0u);
  EXPECT_EQ(tally.decision_latencies_s.size(), 20u);

  const json::value& outcome = peer.posted("/v1/outcomes").front();
  EXPECT_EQ(outcome.at("status"), "ok");
  EXPECT_EQ(outcome.at("cost_usd"), 0.001);
  EXPECT_EQ(outcome.at("output_tokens"), 12);
  EXPECT_FALSE(outcome.as_object().contains("latency_s"));
  const json::value& feedback = peer.posted("/v1/feedback").front();
  EXPECT_EQ(feedback.at("metric"), "quality");
  EXPECT_EQ(feedback.at("value"), 0.75);
}

TEST(Drive, AllowsOnlyModelsWhoseOutcomeIsKnown) {
  Peer peer;
  Workload workload = workload_of(1);
  workload.queries[0].outcomes[1].reset();
  workload.complete = false;
  drive_quietly(peer.options(), workload);
  peer.stop();
  EXPECT_THAT(peer.allowed(), testing::ElementsAre("good"));
}

TEST(Drive, ChatLeavesTheOutcomeToTheDaemon) {
  Peer peer;
  DriveOptions options = peer.options();
  options.chat = true;
  options.router = "auto";
  const DriveTally tally = drive_quietly(options, workload_of(3));
  peer.stop();
  EXPECT_EQ(tally.feedback.acknowledged, 3u);
  EXPECT_TRUE(peer.posted("/v1/outcomes").empty());
  const json::value& body = peer.posted("/v1/chat/completions").front();
  EXPECT_EQ(body.at("model"), "auto");
  EXPECT_EQ(body.at_pointer("/messages/0/role"), "user");
}

TEST(Drive, RepeatsWhatTheDaemonIsTooBusyFor) {
  Peer peer("good", [](const HttpRequest&, int visit) -> std::optional<HttpResponse> {
    if (visit > 0) return std::nullopt;
    HttpResponse busy = error_response(503, "try again");
    busy.headers.add("Retry-After", "0");
    return busy;
  });
  const DriveTally tally = drive_quietly(peer.options(), workload_of(5));
  EXPECT_EQ(tally.errors, 0u);
  EXPECT_EQ(tally.retries, 3u);
  EXPECT_EQ(tally.feedback.acknowledged, 5u);
}

TEST(Drive, CountsARefusalAndGoesOn) {
  Peer peer("good", [](const HttpRequest& request, int visit) -> std::optional<HttpResponse> {
    if (request.target() != "/v1/feedback" || visit > 0) return std::nullopt;
    return error_response(422, "value out of range");
  });
  const DriveTally tally = drive_quietly(peer.options(), workload_of(5));
  EXPECT_TRUE(tally.complete);
  EXPECT_EQ(tally.errors, 1u);
  EXPECT_EQ(tally.feedback.sent, 5u);
  EXPECT_EQ(tally.feedback.acknowledged, 4u);
  EXPECT_THAT(tally.error_examples.front(), HasSubstr("/v1/feedback answered 422"));
}

TEST(Drive, StopsWhenTheDaemonIsGone) {
  Peer peer;
  const DriveOptions options = peer.options();
  peer.stop();
  const DriveTally tally = drive_quietly(options, workload_of(1000));
  EXPECT_FALSE(tally.complete);
  EXPECT_LE(tally.decisions.sent, options.concurrency);
  const auto info = ask_daemon_info(options);
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, ErrorCode::unavailable);
}

int run_command(const std::string& arguments) {
  CLI::App app;
  int exit_code = 0;
  add_drive(app, exit_code);
  try {
    app.parse("drive " + arguments);
  } catch (const CLI::ParseError&) {
    return 2;
  }
  return exit_code;
}

TEST(DriveCommand, WritesItsResultsAndExitsWith0WhenNothingWasLost) {
  Peer peer;
  const test::TempDir directory;
  const std::string path = (directory.path() / "results.json").string();
  EXPECT_EQ(run_command("--url " + peer.url() + " --queries 50 --json " + path), 0);
  std::ifstream file(path);
  const json::value results = json::parse(std::string(std::istreambuf_iterator<char>(file), {}));
  EXPECT_EQ(results.at("queries"), 50);
  EXPECT_EQ(results.at("lossless"), true);
  EXPECT_EQ(results.at_pointer("/decisions/acknowledged"), 50);
  EXPECT_EQ(results.at_pointer("/served/curve").as_array().size(), 1u);
}

TEST(DriveCommand, ExitsWith1WhenWorkFailedAnd2WhenTheCallIsWrong) {
  Peer peer("unknown");
  EXPECT_EQ(run_command("--url " + peer.url() + " --queries 5"), 1);
  EXPECT_EQ(run_command("--url " + peer.url() + " --data /nowhere.jsonl"), 1);
  EXPECT_EQ(run_command("--url ftp://example.org"), 2);
  EXPECT_EQ(run_command("--queries 5"), 2);
  EXPECT_EQ(run_command("--url " + peer.url() + " --api-key-env YARDMASTER_NO_SUCH_KEY"), 2);
}

}  // namespace
}  // namespace yardmaster::agent
