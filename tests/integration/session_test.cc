#include <gmock/gmock.h>

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

/// A router that draws evenly, so that ten turns at one model are no accident.
constexpr const char* kRandom = "routers: [{name: auto, policy: random}]\n";

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
