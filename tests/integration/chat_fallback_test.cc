// What happens when models fail: fallback, circuit breakers, and for each fault of an upstream the
// result that the documents promise.

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <vector>

#include "base/random.h"
#include "tests/common/scripted_server.h"
#include "tests/integration/flaky_model_fixture.h"

namespace yardmaster {
namespace {

using test::chunk;
using test::kAnswer;
using test::kStreamHead;
using test::ScriptedServer;
using test::status_answer;
using ::testing::AnyOf;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;
using Peer = ScriptedServer::Peer;

class ChatFallback : public test::FlakyModelFixture {};

TEST_F(ChatFallback, AnotherModelAnswersByADecisionOfItsOwn) {
  serve([](Peer& peer, int) { peer.send(status_answer("500 Oh")); });
  const Reply reply = ask("first", "", {{"x-session-id", "talk"}});
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(reply.header("x-yardmaster-attempts"), "2");
  EXPECT_THAT(reply.header("x-yardmaster-model"), AnyOf(Eq("small"), Eq("large")));

  const auto second = record_of(reply);
  EXPECT_EQ(second.at("outcome").as_object().at("status").as_string(), "ok");
  double sum = 0;
  for (const auto& p : second.at("propensities").as_array()) sum += p.to_number<double>();
  EXPECT_NEAR(sum, 1, 1e-9);
  std::string why;
  for (const auto& each : second.at("filtered").as_array()) {
    if (each.at("model").as_string() == "flaky") why = each.at("reason").as_string().c_str();
  }
  EXPECT_THAT(why, HasSubstr("HTTP 500"));

  const std::string start = "failed for this query in decision ";
  const std::size_t at = why.find(start);
  ASSERT_NE(at, std::string::npos) << why;
  const auto first = get("/v1/decisions/" + why.substr(at + start.size(), 36)).json();
  EXPECT_EQ(first.at("model").as_string(), "flaky");
  EXPECT_EQ(first.at("outcome").as_object().at("status").as_string(), "error");
  EXPECT_EQ(first.at("session_id").as_string(), "talk");
}

TEST_F(ChatFallback, AStreamThatBreaksBeforeItsFirstChunkFallsBack) {
  serve([](Peer& peer, int) {
    peer.send(kStreamHead + chunk("data: {\"error\":\"full\"}\n\n") + "0\r\n\r\n");
  });
  const Reply reply = ask("first", R"(, "stream": true)");
  ASSERT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(reply.header("x-yardmaster-attempts"), "2");
  EXPECT_THAT(reply.text, Not(HasSubstr("full")));
  EXPECT_THAT(reply.text, HasSubstr("[DONE]"));
}

TEST_F(ChatFallback, EachFaultOfAnUpstreamIsAnsweredByAnotherModelAndAFailureOnRecord) {
  static const std::vector<std::pair<std::string, std::string>> faults{
      {"a connection closed without an answer", ""},
      {"half of the headers", "HTTP/1.1 200 OK\r\nContent-Le"},
      {"half of the body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":"},
      {"half of a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"id\""},
      {"a chunk without a size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"},
      {"no HTTP", "SSH-2.0-OpenSSH\r\n\r\n"},
      {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} "},
      {"invalid JSON", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"id\""},
      {"JSON that is no object", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"},
      {"an error with status 200",
       "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"error\":\"full\"}"},
      {"a redirect", status_answer("302 Found", "Location: http://x/\r\n")},
      {"no key", status_answer("401 Unauthorized")},
      {"no money", status_answer("402 Payment Required")},
      {"no right", status_answer("403 Forbidden")},
      {"a timeout of its own", status_answer("408 Request Timeout")},
      {"a rate limit", status_answer("429 Too Many Requests")},
      {"an error", status_answer("500 Oh")},
      {"a bad gateway", status_answer("502 Bad Gateway")},
      {"overload", status_answer("529 Overloaded")},
  };
  serve(
      [&](Peer& peer, int request) {
        peer.send(faults[static_cast<std::size_t>(request)].second);
        peer.close();
      },
      "", "breaker: {consecutive_failures: 64, failure_rate: 1, open_s: 0.01, max_open_s: 0.01}\n");
  for (const auto& [name, bytes] : faults) {
    Reply reply = ask("first");
    while (reply.header("x-yardmaster-attempts") == "1") reply = ask("first");  // circuit open
    ASSERT_EQ(reply.status, 200u) << name << ": " << reply.text;
    EXPECT_EQ(reply.header("x-yardmaster-attempts"), "2") << name;
    EXPECT_NE(reply.header("x-yardmaster-model"), "flaky") << name;
  }
  EXPECT_THAT(get("/metrics").text, HasSubstr("yardmaster_upstream_errors_total{model=\"flaky\"} " +
                                              std::to_string(faults.size())));
}

TEST_F(ChatFallback, WithoutAConnectionOrTlsAnotherModelAnswers) {
  ScriptedServer plain([](Peer& peer) { peer.send("HTTP/1.1 400 This is no TLS\r\n\r\n"); });
  more_upstreams_ =
      ", {name: nobody, base_url: 'http://127.0.0.1:1/v1'}"
      ", {name: plain, base_url: 'https://127.0.0.1:" +
      std::to_string(plain.port()) + "/v1'}";
  more_models_ =
      "  - {name: unreachable, upstream: nobody}\n"
      "  - {name: without-tls, upstream: plain}\n";
  start(
      "routers:\n"
      "  - {name: first, policy: 'fixed:unreachable'}\n"
      "  - {name: second, policy: 'fixed:without-tls'}\n");
  for (const char* router : {"first", "second"}) {
    for (const char* form : {"", R"(, "stream": true)"}) {
      const Reply reply = ask(router, form);
      EXPECT_EQ(reply.status, 200u) << router << ": " << reply.text;
      EXPECT_EQ(reply.header("x-yardmaster-attempts"), "3") << router;  // one of them again
    }
  }
}

TEST_F(ChatFallback, StreamsThatBreakAgainAndAgainOpenTheCircuit) {
  serve([](Peer& peer, int) {
    peer.send(kStreamHead + chunk("data: {\"choices\":[]}\n\n"));
    peer.close();
  });
  int calls = 0;
  while (health_of("flaky").at("circuit").as_string() == "closed" && calls < 100) {
    EXPECT_THAT(ask("flaky", R"(, "stream": true)").text, HasSubstr("the stream broke"));
    ++calls;
  }
  EXPECT_LT(calls, 100);
}

TEST_F(ChatFallback, SilenceEndsAtTheFirstBytesDeadlineAndFallsBack) {
  serve([](Peer& peer, int) { peer.wait_for_close(); }, ", first_byte_timeout_s: 0.1");
  const Reply reply = ask("first");
  EXPECT_EQ(reply.status, 200u) << reply.text;
  EXPECT_EQ(reply.header("x-yardmaster-attempts"), "2");
}

TEST_F(ChatFallback, NothingIsTriedBeyondTheDeadlineOfTheWholeRequest) {
  serve([](Peer& peer, int) { peer.wait_for_close(); }, ", total_timeout_s: 0.1");
  const Reply reply = ask("first");
  EXPECT_EQ(reply.status, 504u) << reply.text;
  EXPECT_EQ(reply.header("x-yardmaster-attempts"), "1");
}

TEST_F(ChatFallback, TheClientsOwnMistakeIsPassedOnAndNotRepeated) {
  serve([](Peer& peer, int) { peer.send(status_answer("400 Bad Request")); });
  const Reply reply = ask("first");
  EXPECT_EQ(reply.status, 400u);
  EXPECT_EQ(reply.text, "{}");
  EXPECT_EQ(reply.header("x-yardmaster-attempts"), "1");
  const boost::json::object outcome = record_of(reply).at("outcome").as_object();
  EXPECT_EQ(outcome.at("status").as_string(), "rejected");
  EXPECT_EQ(outcome.at("error").as_string(), "HTTP 400");
  EXPECT_EQ(health_of("flaky").at("circuit").as_string(), "closed");
}

TEST_F(ChatFallback, AModelThatTheClientNamedIsTheOnlyOneTried) {
  serve([](Peer& peer, int) { peer.send(status_answer("500 Oh")); });
  const Reply reply = ask("flaky");
  EXPECT_EQ(reply.status, 502u);
  EXPECT_EQ(reply.header("x-yardmaster-attempts"), "1");
}

TEST_F(ChatFallback, FiltersOfTheRequestHoldForEachAttempt) {
  serve([](Peer& peer, int) { peer.send(status_answer("500 Oh")); });
  const Reply only = ask("first", "", {{"x-yardmaster-allow-models", "flaky"}});
  EXPECT_EQ(only.status, 502u);
  EXPECT_THAT(only.error(), HasSubstr("model 'flaky' at upstream 'played': HTTP 500"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(
        ask("first", "", {{"x-yardmaster-deny-models", "small"}}).header("x-yardmaster-model"),
        "large");
  }
}

TEST_F(ChatFallback, WhereAllFailTheAnswerSaysWhatWasTried) {
  serve([](Peer& peer, int) { peer.send(status_answer("429 Slow", "Retry-After: 7\r\n")); }, "",
        "fallback: {max_attempts: 1}\n");
  const Reply limited = ask("first");
  EXPECT_EQ(limited.status, 429u);
  EXPECT_EQ(limited.header("retry-after"), "7");
  EXPECT_THAT(limited.error(), HasSubstr("'flaky'"));
}

TEST_F(ChatFallback, ACircuitOpensIsShownAndKeepsTheModelOutUntilATrialSucceeds) {
  std::atomic<bool> sound{false};
  serve(
      [&](Peer& peer, int) {
        if (sound) return peer.answer(kAnswer);
        peer.send(status_answer("500 Oh"));
      },
      "", "breaker: {consecutive_failures: 2, open_s: 0.2, max_open_s: 0.2}\n");
  ask("first");
  ask("first");
  EXPECT_EQ(requests_, 2);
  EXPECT_EQ(health_of("flaky").at("circuit").as_string(), "open");
  EXPECT_THAT(get("/metrics").text, HasSubstr("yardmaster_circuit_open{model=\"flaky\"} 1"));
  const Reply around = ask("first");
  EXPECT_EQ(around.status, 200u);
  EXPECT_EQ(around.header("x-yardmaster-attempts"), "1");
  EXPECT_THAT(std::string(boost::json::serialize(record_of(around).at("filtered"))),
              HasSubstr("2 failures in a row"));
  const Reply named = ask("flaky");
  EXPECT_EQ(named.status, 503u);
  EXPECT_THAT(named.error(), HasSubstr("not healthy"));
  EXPECT_EQ(requests_, 2);

  sound = true;
  while (health_of("flaky").at("circuit").as_string() != "half_open") {
  }
  EXPECT_EQ(ask("first").header("x-yardmaster-model"), "flaky");
  EXPECT_EQ(health_of("flaky").at("circuit").as_string(), "closed");
}

TEST_F(ChatFallback, ARefusedKeyOpensTheCircuitAtOnceAndRetryAfterIsRespected) {
  serve(
      [](Peer& peer, int request) {
        peer.send(request == 0 ? status_answer("402 Payment Required")
                               : status_answer("503 Oh", "Retry-After: 100\r\n"));
      },
      "", "breaker: {open_s: 0.01, max_open_s: 0.01}\n");
  ask("first");
  EXPECT_THAT(std::string(health_of("flaky").at("reason").as_string()), HasSubstr("402"));
  while (health_of("flaky").at("circuit").as_string() != "half_open") {
  }
  ask("first");
  EXPECT_GT(health_of("flaky").at("retry_in_s").to_number<double>(), 90);
}

TEST_F(ChatFallback, EveryRequestSucceedsWhileAFifthOfTheCallsFailAndOneModelIsHealthy) {
  serve([](Peer& peer, int request) {
    Rng rng(static_cast<std::uint64_t>(request));
    if (rng.uniform() < 0.2) {
      peer.send(status_answer("500 Oh"));
    } else {
      peer.answer(kAnswer);
    }
  });
  int fallbacks = 0;
  for (int i = 0; i < 1000; ++i) {
    const Reply reply = ask(i % 2 == 0 ? "first" : "learning");
    ASSERT_EQ(reply.status, 200u) << reply.text;
    if (reply.header("x-yardmaster-attempts") != "1") ++fallbacks;
  }
  EXPECT_GT(fallbacks, 50);
}

}  // namespace
}  // namespace yardmaster
