// Calls that are made again to the same model, since the first surely did nothing.

#include <gmock/gmock.h>

#include "tests/integration/flaky_model_fixture.h"

namespace yardmaster {
namespace {

using test::kAnswer;
using test::status_answer;
using ::testing::HasSubstr;
using Peer = test::ScriptedServer::Peer;

class ChatRetry : public test::FlakyModelFixture {
 protected:
  /// An upstream that says to come back at once, so many times, and then answers.
  void serve_busy(int times, const std::string& status, const std::string& more = "") {
    serve(
        [times, status](Peer& peer, int request) {
          if (request >= times) return peer.answer(kAnswer);
          peer.send(status_answer(status, "Retry-After: 0\r\n"));
        },
        "", "retry: {backoff_s: 0.001}\n" + more);
  }
};

TEST_F(ChatRetry, ABusyModelIsAskedAgainBeforeAnother) {
  serve_busy(1, "503 Busy");
  const Reply reply = ask("first");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(reply.header("x-yardmaster-model"), "flaky");
  EXPECT_EQ(reply.header("x-yardmaster-attempts"), "2");
  const auto outcome = record_of(reply).at("outcome").as_object();
  EXPECT_EQ(outcome.at("status").as_string(), "ok");
  EXPECT_EQ(outcome.at("error").as_string(), "answered after HTTP 503");
  EXPECT_EQ(health_of("flaky").at("circuit").as_string(), "closed");
  const std::string metrics = get("/metrics").text;
  EXPECT_THAT(metrics, HasSubstr("yardmaster_retries_total{model=\"flaky\"} 1"));
  EXPECT_THAT(metrics, HasSubstr("yardmaster_upstream_errors_total{model=\"flaky\"} 1"));
}

TEST_F(ChatRetry, EachKindOfOverloadAndStreamsToo) {
  for (const char* status : {"429 Slow", "503 Busy", "529 Overloaded"}) {
    requests_ = 0;
    serve_busy(1, status);
    const Reply reply = ask("flaky");
    EXPECT_EQ(reply.status, 200u) << status << ": " << reply.text;
    requests_ = 0;
    const Reply stream = ask("flaky", R"(, "stream": true)");
    EXPECT_EQ(requests_, 2) << status;
    EXPECT_THAT(stream.text, HasSubstr("a stream was asked for")) << status;
    stop();
  }
}

TEST_F(ChatRetry, TheAnswerToAFailureAndItsDecisionSayWhatWasTried) {
  serve_busy(9, "503 Busy", "fallback: {max_attempts: 1}\n");
  const Reply reply = ask("first");
  EXPECT_EQ(reply.status, 503u);
  EXPECT_EQ(requests_, 2);
  EXPECT_THAT(reply.error(), HasSubstr("'flaky' at upstream 'played': HTTP 503, then HTTP 503"));
  EXPECT_EQ(record_of(reply).at("outcome").at("error").as_string(), "HTTP 503, then HTTP 503");
}

TEST_F(ChatRetry, WithoutASafeSignNothingIsAskedTwice) {
  serve([](Peer& peer, int request) {
    // The model may have done its work, or nobody knows when it will be ready.
    peer.send(request == 0   ? status_answer("500 Oh", "Retry-After: 0\r\n")
              : request == 1 ? status_answer("503 Busy")
                             : status_answer("429 Slow", "Retry-After: 2\r\n"));
  });
  for (int asked = 1; asked <= 3; ++asked) {
    EXPECT_GE(ask("flaky").status, 429u);
    EXPECT_EQ(requests_, asked);
  }
}

TEST_F(ChatRetry, NoneWhereTheConfigSaysSo) {
  serve_busy(1, "503 Busy", "");
  stop();
  requests_ = 0;
  start("retry: {max_retries: 0}\n");
  EXPECT_EQ(ask("flaky").status, 503u);
  EXPECT_EQ(requests_, 1);
}

TEST_F(ChatRetry, ARefusedConnectionIsTriedAgain) {
  more_upstreams_ = ", {name: nobody, base_url: 'http://127.0.0.1:1/v1'}";
  more_models_ = "  - {name: unreachable, upstream: nobody}\n";
  start("retry: {max_retries: 3, backoff_s: 0.001}\n");
  const Reply reply = ask("unreachable");
  EXPECT_EQ(reply.status, 502u);
  EXPECT_EQ(reply.header("x-yardmaster-attempts"), "4");
  EXPECT_THAT(get("/metrics").text, HasSubstr("yardmaster_retries_total{model=\"unreachable\"} 3"));
}

TEST_F(ChatRetry, ARetryAfterThatIsADateOpensTheCircuitUntilThen) {
  serve([](Peer& peer, int) {
    peer.send(status_answer("503 Busy", "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT\r\n"));
  });
  EXPECT_EQ(ask("flaky").status, 503u);
  EXPECT_EQ(health_of("flaky").at("circuit").as_string(), "open");
  EXPECT_GT(health_of("flaky").at("retry_in_s").to_number<double>(), 3500);
}

}  // namespace
}  // namespace yardmaster
