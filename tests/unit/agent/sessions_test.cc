#include "agent/sessions.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "agent/router.h"
#include "tests/common/temp_dir.h"

namespace yardmaster::agent {
namespace {

using std::chrono::seconds;

env::Query chat(const std::string& messages, const std::string& more = "") {
  return env::parse_query(R"({"messages": [)" + messages + "]" + more + "}").value();
}

std::string message(const char* role, const std::string& text) {
  return R"({"role": ")" + std::string(role) + R"(", "content": ")" + text + "\"}";
}

const std::string kFirst = message("system", "be brief") + "," + message("user", "hello");
const std::string kSecond =
    kFirst + "," + message("assistant", "hi") + "," + message("user", "and now?");

TEST(SessionKey, ATurnIsFoundWhereTheRequestThatItGoesOnWithWasPut) {
  const SessionKey first = session_key("", "app", chat(kFirst));
  const SessionKey second = session_key("", "app", chat(kSecond));
  EXPECT_TRUE(first.latest.empty()) << "whoever says hello may be anyone";
  EXPECT_EQ(second.latest, first.next);
  const SessionKey third = session_key(
      "", "app",
      chat(kSecond + "," + message("assistant", "so") + "," + message("user", "thanks")));
  EXPECT_EQ(third.latest, second.next);
}

TEST(SessionKey, ExamplesInAPromptAreNoConversation) {
  const std::string examples = kFirst + "," + message("assistant", "like this") + ",";
  const SessionKey one = session_key("", "app", chat(examples + message("user", "one")));
  const SessionKey two = session_key("", "app", chat(examples + message("user", "two")));
  EXPECT_NE(two.latest, one.next);
  EXPECT_NE(two.next, one.next);
}

TEST(SessionKey, DiffersByCallerUserAndCacheKey) {
  const std::string next = session_key("", "app", chat(kSecond)).next;
  EXPECT_NE(session_key("", "other", chat(kSecond)).next, next);
  EXPECT_NE(session_key("", "app", chat(kSecond, R"(, "user": "eve")")).next, next);
  EXPECT_NE(session_key("", "app", chat(kSecond, R"(, "prompt_cache_key": "k")")).next, next);
}

TEST(SessionKey, TellsNothingOfTheMessagesToWhoLacksTheSecret) {
  const test::TempDir dir;
  const auto secret = conversation_secret(dir.path() / "secret");
  ASSERT_TRUE(secret);
  EXPECT_EQ(*conversation_secret(dir.path() / "secret"), *secret) << "made once";
  EXPECT_NE(*conversation_secret(dir.path() / "other"), *secret);
  const SessionKey first = session_key("", "app", chat(kFirst), *secret);
  EXPECT_EQ(session_key("", "app", chat(kSecond), *secret).latest, first.next);
  EXPECT_NE(session_key("", "app", chat(kFirst)).conversation, first.conversation);
}

TEST(SessionKey, OneThatTheClientGivesIsTakenAsItIs) {
  const SessionKey given = session_key("talk-1", "app", chat(kFirst));
  EXPECT_EQ(given.latest, "talk-1");
  EXPECT_EQ(given.next, "talk-1");
}

class SessionsTest : public ::testing::Test {
 protected:
  static SessionKey key(const std::string& id) { return {id, id, id}; }
  void turn(const std::string& id, const char* model) {
    sessions_.record(key(id), {"auto", model, 100, now_, true, id});
  }
  std::string model(const std::string& id, const char* router = "auto") {
    const auto turn = sessions_.find(key(id), router, now_);
    return turn ? turn->model : "";
  }

  Timestamp now_{seconds(1'000'000)};
  Sessions sessions_{{.idle = seconds(60), .max = 3}};
};

TEST_F(SessionsTest, TheLatestTurnIsFoundUntilItIsIdleForTooLong) {
  turn("a", "small");
  turn("a", "large");
  now_ += seconds(60);
  EXPECT_EQ(model("a"), "large");
  EXPECT_EQ(model("a", "another router"), "");
  now_ += seconds(1);
  EXPECT_EQ(model("a"), "");
}

TEST_F(SessionsTest, BeyondTheirNumberTheLongestIdleIsForgotten) {
  for (const char* id : {"a", "b", "c"}) turn(id, "small");
  turn("a", "large");
  turn("d", "small");
  EXPECT_EQ(sessions_.size(), 3u);
  EXPECT_EQ(model("b"), "");
  EXPECT_EQ(model("a"), "large");
}

/// 2^pairs different texts for which GCC's std::hash is the same: its MurmurHash64A takes eight
/// bytes at a time, and what one block changes in the highest bit the next one changes back.
std::vector<std::string> colliding_texts(int pairs) {
  constexpr std::uint64_t kMultiplier = 0xc6a4a7935bd1e995;
  std::uint64_t inverse = kMultiplier;  // modulo 2^64, by Newton's method
  for (int i = 0; i < 6; ++i) inverse *= 2 - kMultiplier * inverse;
  const auto mixed = [&](std::uint64_t block) {
    block *= kMultiplier;
    return (block ^ (block >> 47)) * kMultiplier;
  };
  const auto unmixed = [&](std::uint64_t value) {
    value *= inverse;
    return (value ^ (value >> 47)) * inverse;
  };
  std::vector<std::string> texts(std::size_t{1} << pairs);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (int pair = 0; pair < pairs; ++pair) {
      const std::uint64_t flip = ((i >> pair) & 1) << 63;
      for (std::uint64_t block = 0; block < 2; ++block) {
        const std::uint64_t bytes = unmixed(mixed(block + 2 * static_cast<unsigned>(pair)) ^ flip);
        texts[i].append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
      }
    }
  }
  return texts;
}

TEST_F(SessionsTest, IdsThatAHashCannotTellApartAreNoSlowerToFind) {
  const std::vector<std::string> ids = colliding_texts(16);
  const std::hash<std::string> hash;
  for (const std::string& id : ids) ASSERT_EQ(hash(id), hash(ids[0])) << "another std::hash";
  Sessions many({});
  for (const std::string& id : ids) many.record(key(id), {"auto", "small", 1, now_, true, id});
  for (const std::string& id : ids) ASSERT_TRUE(many.find(key(id), "auto", now_));
}

TEST_F(SessionsTest, GoOnByNewSettings) {
  for (const char* id : {"a", "b", "c"}) turn(id, "small");
  const Sessions fewer({.max = 2}, sessions_);
  EXPECT_EQ(fewer.size(), 2u);
  EXPECT_TRUE(fewer.find(key("c"), "auto", now_));
  EXPECT_FALSE(fewer.find(key("a"), "auto", now_));
}

/// Expects a reward of each model, and likes the first.
class Expecting final : public policies::Policy {
 public:
  explicit Expecting(std::vector<double> rewards) : rewards_(std::move(rewards)) {}

  Status distribution(const env::Observation&, std::span<double> probabilities,
                      std::span<policies::Score> scores) const override {
    std::fill(probabilities.begin(), probabilities.end(), 0.0);
    probabilities[0] = 1;
    for (std::size_t i = 0; i < scores.size(); ++i) scores[i].reward = rewards_[i];
    return {};
  }

 private:
  std::vector<double> rewards_;
};

class RouterSession : public ::testing::Test {
 protected:
  static env::ModelSpec priced(const char* name, double input, double cache_read) {
    env::ModelSpec model;
    model.name = name;
    model.input_usd_per_mtok = input;
    model.output_usd_per_mtok = input;
    model.cache_read_usd_per_mtok = cache_read;
    return model;
  }

  /// A decision in a conversation whose latest turn model "b" answered, with 10,000 tokens.
  Routed decide(std::vector<double> rewards, double share = 1, bool by_policy = true,
                bool observe = false) {
    RouterSettings settings;
    settings.name = "auto";
    settings.baseline = "a";
    settings.weights.cost = 30;
    settings.exploration_floor = 0.01;
    settings.share = share;
    settings.observe = observe;
    const Router router(settings, pool_, *encoder_, tokens_);
    RouteRequest request;
    query_.prompt_bytes = 80'000;
    request.query = &query_;
    request.session = {"s", "s", "s"};
    request.last_turn = SessionTurn{"auto", "b", 10'000, Timestamp(), by_policy, "s"};
    auto routed = router.decide(request, {std::make_shared<Expecting>(std::move(rewards)), 1}, 0,
                                Timestamp(), rng_);
    EXPECT_TRUE(routed) << routed.error().message;
    return std::move(*routed);
  }

  // Leaving b costs 10,000 tokens at 2 - 0.2 USD a million: .018 USD, .54 of reward.
  env::ModelPool pool_ = env::ModelPool::make({priced("a", 1, 0.1), priced("b", 2, 0.2)}).value();
  std::unique_ptr<env::Encoder> encoder_ = std::move(env::make_encoder("hash").value());
  env::TokenEstimator tokens_{pool_};
  env::Query query_ = env::query_from_text("why is the sky blue");
  Rng rng_{11};
};

TEST_F(RouterSession, AConversationKeepsItsModelThoughThePolicyLikesAnother) {
  const Routed routed = decide({0.8, 0.4});
  EXPECT_NEAR(routed.decision->propensities[1], 0.995, 1e-12);
  EXPECT_NEAR(routed.decision->propensities[0], 0.005, 1e-12) << "explored all the same";
  ASSERT_TRUE(routed.session);
  EXPECT_TRUE(routed.session->kept);
  EXPECT_NEAR(routed.session->switch_cost_usd, 0.018, 1e-9);
}

TEST_F(RouterSession, ItIsLeftWhereTheGainIsMoreThanTheCacheThatIsLost) {
  const Routed routed = decide({1.0, 0.4});
  EXPECT_NEAR(routed.decision->propensities[0], 0.995, 1e-12);
  EXPECT_FALSE(routed.session->kept);
}

TEST_F(RouterSession, StaysInItsPartOfTheTraffic) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(decide({0.8, 0.4}, 0.5, false).decision->propensities[0], 1) << "the baseline's";
    EXPECT_NEAR(decide({0.8, 0.4}, 0.5, true).decision->propensities[1], 0.995, 1e-12);
  }
}

TEST_F(RouterSession, WhereTheBaselineServesThePolicysChoiceIsItsOwn) {
  EXPECT_EQ(decide({0.8, 0.4}, 1, true, true).decision->would_choose, "a");
}

}  // namespace
}  // namespace yardmaster::agent
