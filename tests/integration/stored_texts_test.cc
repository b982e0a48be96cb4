// What of prompts reaches the disk, and for how long.

#include <gmock/gmock.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "agent/commands/export.h"
#include "agent/commands/import.h"
#include "tests/common/scripted_server.h"
#include "tests/integration/flaky_model_fixture.h"

namespace yardmaster {
namespace {

using test::ScriptedServer;
using ::testing::HasSubstr;
using ::testing::Not;
using Peer = ScriptedServer::Peer;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

class StoredTexts : public test::FlakyModelFixture {
 protected:
  std::string path(const std::string& name) const { return (dir_.path() / name).string(); }

  /// Runs a command on the data directory of the fixture, with `more` in its config.
  int run(const std::string& command, const std::string& more) {
    std::ofstream(path("test.yaml")) << config_text(more);
    CLI::App app;
    int exit_code = 0;
    agent::add_export(app, exit_code);
    agent::add_import(app, exit_code);
    app.parse(command + " --config " + path("test.yaml"));
    return exit_code;
  }

  std::string exported(const std::string& more) {
    EXPECT_EQ(run("export --output " + path("log.jsonl"), more), 0);
    return read_file(path("log.jsonl"));
  }

  /// What an export tells after `log` was imported into an empty data directory.
  std::string imported(const std::string& log, const std::string& more) {
    std::filesystem::remove_all(dir_.path() / "data");
    std::ofstream(path("from.jsonl")) << log;
    EXPECT_EQ(run("import --from " + path("from.jsonl"), more), 0);
    return exported("");
  }

  bool is_in_a_file(const std::string& text) const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_.path())) {
      if (entry.is_regular_file() && read_file(entry.path()).find(text) != std::string::npos) {
        return true;
      }
    }
    return false;
  }

  boost::json::object decision(const std::string& id) { return get("/v1/decisions/" + id).json(); }
};

TEST_F(StoredTexts, WhatIsTakenOutOfAPromptIsWrittenNowhere) {
  start(
      "store_queries:\n"
      "  redact: [email, card]\n"
      "  patterns: [{name: ticket, pattern: 'TCK-\\d+'}]\n"
      "logging: {access_log: " +
      path("access.log") + "}\n");
  const Reply reply = post("/v1/chat/completions", R"({"model": "auto", "user": "u1", "messages": [
      {"role": "system", "content": "Ticket TCK-471100"},
      {"role": "user", "content": "Mail qzjo@example.com, card 4111 1111 1111 1111"}]})");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  const std::string id = reply.header("x-yardmaster-decision-id");
  EXPECT_EQ(decision(id).at("query").as_string(), "Mail [email], card [card]\nTicket [ticket]");
  EXPECT_EQ(judge(id, 0.5, R"(, "comment": "see qzjo@example.com")").status, 200u);
  EXPECT_EQ(decision(id).at("feedback").at(0).at("comment").as_string(), "see [email]");
  const std::string routed = route("again qzjo@example.com");
  EXPECT_EQ(decision(routed).at("query").as_string(), "again [email]");
  EXPECT_EQ(post("/v1/outcomes", R"({"decision_id": ")" + routed +
                                     R"(", "status": "error", "error": "of qzjo@example.com"})")
                .status,
            200u);
  EXPECT_EQ(decision(routed).at("outcome").at("error").as_string(), "of [email]");

  EXPECT_EQ(post("/v1/admin/policy/checkpoint", "{}").status, 200u);
  EXPECT_EQ(post("/v1/admin/backup", "{}").status, 200u);
  EXPECT_THAT(exported(""), HasSubstr("Mail [email], card [card]"));
  stop();
  for (const char* secret : {"qzjo@", "4111 1111", "TCK-471100"}) {
    EXPECT_FALSE(is_in_a_file(secret)) << secret;
  }
}

TEST_F(StoredTexts, WhatWasCutApartAtTheEndOfALongPromptIsLeftOut) {
  start("store_queries: {redact: [card], max_bytes: 8192}\n");
  std::string filling;
  while (filling.size() < 8192 - 20) filling += "word ";
  const std::string id = route(filling + "the card 4111 1111 1111 1111 and more");
  const std::string kept(decision(id).at("query").as_string());
  EXPECT_THAT(kept, testing::EndsWith("word the card"));
  EXPECT_THAT(kept, Not(HasSubstr("4111")));
}

TEST_F(StoredTexts, AShorterTextIsKeptWhereTheConfigSaysSo) {
  start("store_queries: {max_bytes: 16}\n");
  EXPECT_EQ(decision(route("0123456789abcdeé and more")).at("query").as_string(),
            "0123456789abcde");
}

TEST_F(StoredTexts, TheTextGoesAfterItsTimeAndTheDecisionStays) {
  start("store_queries: {max_age_days: 1e-6}\n");
  const std::string id = route("remember me not for long");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (decision(id).contains("query") && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_FALSE(decision(id).contains("query"));
  EXPECT_TRUE(decision(id).contains("features"));
  EXPECT_EQ(judge(id, 1).status, 200u);
  EXPECT_EQ(decision(id).at("feedback").as_array().size(), 1u);
}

TEST_F(StoredTexts, AnExportLeavesOutWhatNoDaemonHasRemovedYet) {
  start("store_queries: true\n");
  route("remember me");
  stop();
  EXPECT_THAT(exported("store_queries: {max_age_days: 1e-9}\n"), Not(HasSubstr("remember me")));
  EXPECT_THAT(exported("store_queries: false\n"), HasSubstr("remember me"));
}

TEST_F(StoredTexts, AnImportKeepsTextsAsTheConfigSays) {
  start("store_queries: true\n");
  route("ask jo@example.com");
  stop();
  const std::string log = exported("");
  EXPECT_THAT(log, HasSubstr(R"("query":"ask jo@example.com")"));
  EXPECT_THAT(imported(log, ""), Not(HasSubstr("\"query\"")));
  EXPECT_THAT(imported(log, "store_queries: {redact: [email]}\n"),
              HasSubstr(R"("query":"ask [email]")"));
  EXPECT_EQ(imported(log, "store_queries: true\n"), log);
  EXPECT_THAT(imported(log, "store_queries: {max_age_days: 1e-9}\n"), Not(HasSubstr("\"query\"")));
}

TEST_F(StoredTexts, WhatAnUpstreamSaysOfAnErrorGoesToTheClientAlone) {
  const std::string error =
      R"({"error": {"type": "odd_error", "message": "cannot answer 'secretword'"}})";
  serve([&](Peer& peer, int request) {
    if (request == 0) {
      return peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(error.size()) +
                       "\r\n\r\n" + error);
    }
    peer.send(test::kStreamHead + test::chunk("data: {\"choices\":[]}\n\n") +
              test::chunk("data: " + error + "\n\n") + "0\r\n\r\n");
  });
  const Reply whole = ask("flaky");
  EXPECT_EQ(whole.status, 502u);
  EXPECT_THAT(whole.error(), HasSubstr("an error of type odd_error: cannot answer 'secretword'"));
  EXPECT_EQ(record_of(whole).at("outcome").at("error").as_string(),
            "the answer is an error of type odd_error");
  const Reply stream = ask("flaky", R"(, "stream": true)");
  EXPECT_THAT(stream.text, HasSubstr("secretword"));
  EXPECT_EQ(record_of(stream).at("outcome").at("error").as_string(),
            "the stream broke: an error of type odd_error");
  stop();
  EXPECT_FALSE(is_in_a_file("secretword"));
}

TEST_F(StoredTexts, ItsReasonIsInNoLaterDecisionEither) {
  const std::string error = R"({"error": {"message": "cannot answer 'secretword'"}})";
  serve([&](Peer& peer, int) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(error.size()) + "\r\n\r\n" +
              error);
  });
  const Reply reply = ask("first");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(reply.header("x-yardmaster-attempts"), "2");
  const std::string record = boost::json::serialize(record_of(reply));
  EXPECT_THAT(record, HasSubstr("the answer is an error"));
  EXPECT_THAT(record, Not(HasSubstr("secretword")));
}

}  // namespace
}  // namespace yardmaster
