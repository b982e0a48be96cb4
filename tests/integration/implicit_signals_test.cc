// Metrics that the daemon measures itself, for the objective, without any feedback by clients.

#include <gmock/gmock.h>

#include <map>

#include "tests/integration/flaky_model_fixture.h"

namespace yardmaster {
namespace {

using test::chunk;
using test::kStreamHead;
using ::testing::HasSubstr;
using Peer = test::ScriptedServer::Peer;

class ImplicitSignals : public test::FlakyModelFixture {
 protected:
  void serve_measured(Answer answer) {
    serve(std::move(answer), "",
          "feedback:\n"
          "  metrics:\n"
          "    - {name: cut, type: boolean, optimize: min, source: truncation}\n"
          "    - {name: refused, type: boolean, optimize: min, source: refusal}\n"
          "    - {name: again, type: boolean, optimize: min, source: regeneration}\n"
          "    - {name: failed, type: boolean, optimize: min, source: error}\n"
          "    - {name: wait, max: 60, optimize: min, source: first_token}\n"
          "objective: {metrics: {cut: 1, refused: 1, again: 1, failed: 1}}\n");
  }

  /// The newest value of each metric, once `wanted` of them are there.
  std::map<std::string, double> measured(const std::string& decision, std::size_t wanted) {
    std::map<std::string, double> values;
    while (values.size() < wanted) {
      const auto record = get("/v1/decisions/" + decision).json();
      if (!record.contains("feedback")) continue;
      for (const auto& each : record.at("feedback").as_array()) {
        EXPECT_EQ(each.at("judge").as_string(), "yardmaster");
        values[each.at("metric").as_string().c_str()] = each.at("value").to_number<double>();
      }
    }
    return values;
  }
};

TEST_F(ImplicitSignals, AnAnswerCutForItsLengthIsARowWithoutAnyonesFeedback) {
  serve_measured([](Peer& peer, int) {
    peer.answer(R"({"id":"c","choices":[{"finish_reason":"length"}],"usage":{}})");
  });
  const Reply reply = ask("first");
  const auto values = measured(reply.header("x-yardmaster-decision-id"), 4);
  EXPECT_EQ(values.at("cut"), 1);
  EXPECT_EQ(values.at("refused"), 0);
  EXPECT_EQ(values.at("again"), 0);
  EXPECT_EQ(values.at("failed"), 0);
  while (get("/metrics").text.find("yardmaster_store_rows 1\n") == std::string::npos) {
  }
  EXPECT_THAT(
      get("/metrics").text,
      HasSubstr("yardmaster_answer_signals_total{model=\"flaky\",signal=\"truncation\"} 1"));
}

TEST_F(ImplicitSignals, AStreamTellsItsRefusalAndItsFirstToken) {
  serve_measured([](Peer& peer, int) {
    peer.send(kStreamHead + chunk("data: {\"choices\":[{\"delta\":{\"content\":\"\"}}]}\n\n") +
              chunk("data: {\"choices\":[{\"delta\":{\"refusal\":\"I can\"}}]}\n\n") +
              chunk("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n") +
              chunk("data: [DONE]\n\n") + "0\r\n\r\n");
  });
  const Reply reply = ask("first", R"(, "stream": true)");
  const auto values = measured(reply.header("x-yardmaster-decision-id"), 5);
  EXPECT_EQ(values.at("refused"), 1);
  EXPECT_EQ(values.at("cut"), 0);
  EXPECT_GT(values.at("wait"), 0);
}

TEST_F(ImplicitSignals, AQueryAskedAgainCorrectsWhatTheFirstAnswerWasWorth) {
  serve_measured([](Peer& peer, int) { peer.answer(test::kAnswer); });
  const std::string first = ask("first").header("x-yardmaster-decision-id");
  EXPECT_EQ(measured(first, 4).at("again"), 0);
  const std::string second = ask("first").header("x-yardmaster-decision-id");
  while (measured(first, 4).at("again") == 0) {
  }
  EXPECT_EQ(measured(second, 4).at("again"), 0);
}

TEST_F(ImplicitSignals, AFailureIsSaidOfTheModelThatFailed) {
  serve_measured([](Peer& peer, int) { peer.send(test::status_answer("500 Oh")); });
  const Reply named = ask("flaky");
  EXPECT_EQ(named.status, 502u);
  EXPECT_EQ(measured(named.header("x-yardmaster-decision-id"), 1).at("failed"), 1);
}

}  // namespace
}  // namespace yardmaster
