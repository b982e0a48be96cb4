#include <gmock/gmock.h>

#include <set>
#include <thread>

#include "tests/integration/daemon_fixture.h"

namespace yardmaster {
namespace {

class Session : public test::DaemonFixture {
 protected:
  std::string model_of(const Reply& reply) { return reply.header("x-yardmaster-model"); }

  Reply turn(const std::string& first, int earlier, agent::HttpClient::Headers headers = {}) {
    std::string messages = R"({"role": "user", "content": ")" + first + "\"}";
    for (int i = 0; i < earlier; ++i) {
      messages += R"(,{"role": "assistant", "content": "so"},{"role": "user", "content": "and )" +
                  std::to_string(i) + "\"}";
    }
    return post("/v1/chat/completions", R"({"model": "auto", "messages": [)" + messages + "]}",
                std::move(headers));
  }
};

/// A router that draws evenly, so that ten turns at one model are no accident. By the floor alone
/// a conversation would change its model once in some thousand turns.
constexpr const char* kRandom =
    "routers: [{name: auto, policy: random, exploration_floor: 0.000001}]\n";

TEST_F(Session, AConversationKeepsItsModelTurnByTurn) {
  start(kRandom);
  for (const char* first : {"tell me of cats", "tell me of dogs", "tell me of birds"}) {
    const std::string model = model_of(turn(first, 0));
    for (int earlier = 1; earlier <= 4; ++earlier) {
      EXPECT_EQ(model_of(turn(first, earlier)), model) << first << ' ' << earlier;
    }
  }
}

TEST_F(Session, SingleTurnsAreFree) {
  start(kRandom);
  std::set<std::string> models;
  for (int i = 0; i < 40; ++i) models.insert(model_of(turn("hello", 0)));
  EXPECT_EQ(models.size(), 2u);
}

TEST_F(Session, ExamplesInAPromptDoNotTieRequestsTogether) {
  start(kRandom);
  std::set<std::string> models;
  for (int i = 0; i < 40; ++i) models.insert(model_of(turn("an example", 1)));
  EXPECT_EQ(models.size(), 2u);
}

TEST_F(Session, AConversationGoesOnOverAReload) {
  start(kRandom);
  const std::string model = model_of(turn("tell me of cats", 0));
  ASSERT_EQ(post("/v1/admin/reload", "").status, 200u);
  const Reply second = turn("tell me of cats", 1);
  EXPECT_EQ(model_of(second), model);
  const auto record = get("/v1/decisions/" + second.header("x-yardmaster-decision-id")).json();
  EXPECT_EQ(record.at("session_id").as_string().size(), 21u) << "so that feedback may name it";
}

TEST_F(Session, ASessionThatIsNamedOutlivesARestart) {
  start(kRandom);
  const std::string model = model_of(turn("one", 0, {{"x-session-id", "s"}}));
  stop();
  start(kRandom);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(model_of(turn("another", 0, {{"x-session-id", "s"}})), model);
  }
}

TEST_F(Session, AConversationThatIsKnownByItsMessagesOutlivesARestart) {
  start(kRandom);
  const auto session_of = [&](const Reply& reply) {
    return get("/v1/decisions/" + reply.header("x-yardmaster-decision-id")).json();
  };
  const std::string model = model_of(turn("tell me of cats", 0));
  stop();
  start(kRandom);
  const Reply second = turn("tell me of cats", 1);
  EXPECT_EQ(model_of(second), model);
  const auto id = session_of(second).at("session_id");
  stop();
  start(kRandom);
  const std::string other = model == "small" ? "large" : "small";
  const Reply denied = turn("tell me of cats", 2, {{"x-yardmaster-deny-models", model}});
  EXPECT_EQ(model_of(denied), other);
  EXPECT_EQ(session_of(denied).at("session_id"), id);
  stop();
  start(kRandom);
  const Reply fourth = turn("tell me of cats", 3);
  EXPECT_EQ(model_of(fourth), other) << "the latest turn's";
  EXPECT_EQ(session_of(fourth).at("session_id"), id);
  // Credit goes to all of them but the first, whose conversation was none yet.
  const Reply judged = post("/v1/feedback", R"({"session_id": ")" + std::string(id.as_string()) +
                                                R"(", "metric": "quality", "value": 1})");
  EXPECT_EQ(judged.status, 200u) << judged.text;
  EXPECT_EQ(session_of(second).at("feedback").as_array().size(), 1u);
  EXPECT_EQ(session_of(fourth).at("feedback").as_array().size(), 1u);
}

TEST_F(Session, AfterARestartAnIdleConversationIsOver) {
  const std::string idle = "sessions: {idle_s: 1}\n";
  start(kRandom + idle);
  const Reply first = turn("tell me of cats", 0);
  stop();
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  start(kRandom + idle);
  const Reply second = turn("tell me of cats", 1);
  EXPECT_FALSE(get("/v1/decisions/" + second.header("x-yardmaster-decision-id"))
                   .json()
                   .contains("session_id"));
}

TEST_F(Session, WhereTheyAreTurnedOffTheLogKnowsOfNone) {
  start(std::string(kRandom) + "sessions: {enabled: false}\n");
  const Reply reply = turn("tell me of cats", 0);
  EXPECT_FALSE(get("/v1/decisions/" + reply.header("x-yardmaster-decision-id"))
                   .json()
                   .contains("conversation"));
}

TEST_F(Session, ExplanationsTellTheSessionsPart) {
  start(kRandom);
  const std::string body = R"({"query": "hi", "explain": true})";
  EXPECT_FALSE(post("/v1/route", body, {{"x-session-id", "s"}}).json().contains("session"));
  const auto second = post("/v1/route", body, {{"x-session-id", "s"}}).json();
  EXPECT_TRUE(second.at("session").as_object().at("kept").as_bool());
  EXPECT_EQ(second.at("session").as_object().at("model"), second.at("model"));
}

TEST_F(Session, WhereTheyAreTurnedOffEachTurnIsFree) {
  start(std::string(kRandom) + "sessions: {enabled: false}\n");
  std::set<std::string> models;
  for (int i = 0; i < 40; ++i) models.insert(model_of(turn("hello", 1, {{"x-session-id", "s"}})));
  EXPECT_EQ(models.size(), 2u);
}

}  // namespace
}  // namespace yardmaster
