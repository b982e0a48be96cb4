#include "agent/keys/key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json/parse.hpp>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include "agent/keys/key_json.h"
#include "agent/keys/keyring.h"
#include "tests/common/temp_dir.h"

namespace yardmaster::agent {
namespace {

using testing::HasSubstr;
using testing::Not;

const Timestamp kNoon = parse_rfc3339("2026-01-31T12:00:00Z").value();

class KeyFileTest : public testing::Test {
 protected:
  ApiKey key(const std::string& name) {
    ApiKey key;
    key.name = name;
    key.scopes = kScopeRoute;
    return key;
  }

  std::string contents() {
    std::ifstream file(file_.path(), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  void write(const std::string& text) { std::ofstream(file_.path()) << text; }

  static unsigned status(Keyring& keys, const std::string& secret) {
    Published<std::shared_ptr<const KeySet>>::Reader reader(keys.set());
    const auto caller = reader.current()->check("Bearer " + secret, kScopeRoute, kNoon);
    return caller ? 200 : caller.error().status;
  }

  test::TempDir dir_;
  KeyFile file_{dir_.path() / "data" / "keys.json"};
};

TEST_F(KeyFileTest, KeepsAllOfAKeyButTheSecret) {
  ApiKey app = key("app");
  app.models = {"small", "vendor/large"};
  app.deny_models = {"tiny"};
  app.require_tags = {"region:eu", "own"};
  app.exclude_tags = {"old"};
  app.expires = kNoon;
  app.requests_per_minute = 60;
  app.feedback_per_minute = 7;
  app.tokens_per_minute = 5'000'000'000;
  app.budget_usd_per_day = 0.1;
  const auto secret = file_.add(app, kNoon);
  ASSERT_TRUE(secret) << secret.error().message;
  const auto keys = file_.read();
  ASSERT_TRUE(keys) << keys.error().message;
  ASSERT_EQ(keys->size(), 1u);
  app.sha256 = sha256(*secret);
  EXPECT_EQ(keys->front().key, app);
  EXPECT_EQ(keys->front().created, kNoon);
  EXPECT_FALSE(keys->front().revoked);
  EXPECT_THAT(contents(), Not(HasSubstr(secret->substr(3))));
}

TEST_F(KeyFileTest, OnlyItsOwnerMayReadIt) {
  ASSERT_TRUE(file_.add(key("app"), kNoon));
  struct stat status {};
  ASSERT_EQ(::stat(file_.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(KeyFileTest, ANameIsFreeAgainOnceItsKeyIsRevoked) {
  const auto first = file_.add(key("app"), kNoon);
  const auto again = file_.add(key("app"), kNoon);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::conflict);
  ASSERT_TRUE(file_.revoke("app", kNoon));
  EXPECT_EQ(file_.revoke("app", kNoon).error().code, ErrorCode::not_found);
  const auto second = file_.add(key("app"), kNoon);
  ASSERT_TRUE(second) << second.error().message;
  Keyring keys({}, file_.path());
  ASSERT_TRUE(keys.load());
  EXPECT_EQ(status(keys, *first), 401u);
  EXPECT_EQ(status(keys, *second), 200u);
}

TEST_F(KeyFileTest, WritersAtTheSameTimeLoseNoKey) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(file_.add(key("k" + std::to_string(t) + std::to_string(i)), kNoon));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(file_.read()->size(), 20u);
}

TEST_F(KeyFileTest, DamageIsToldAndNeverPassedOver) {
  ASSERT_TRUE(file_.add(key("app"), kNoon));
  const std::string good = contents();
  const auto with = [&](std::string_view what, const std::string& by) {
    std::string text = good;
    text.replace(text.find(what), what.size(), by);
    return text;
  };
  for (const std::string& text :
       {std::string(), std::string("{}"), good.substr(0, good.size() / 2),
        with("\"name\"", "\"only_on_sundays\":true,\"name\""),
        with("\"sha256\":\"", "\"sha256\":\"x"), with("\"route\"", "\"everything\""),
        with("\"created\":\"2026", "\"created\":\"x")}) {
    write(text);
    const auto read = file_.read();
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::corrupt) << text;
    EXPECT_THAT(read.error().message, HasSubstr(file_.path().string()));
    EXPECT_FALSE(file_.add(key("other"), kNoon));
    EXPECT_EQ(contents(), text);
  }
  write(with("\"format\":1", "\"format\":2"));
  EXPECT_EQ(file_.read().error().code, ErrorCode::unsupported);
}

TEST_F(KeyFileTest, AKeyringTakesInWhatOthersChange) {
  Keyring keys({}, file_.path());
  ASSERT_TRUE(keys.load());
  EXPECT_TRUE(keys.open());
  EXPECT_EQ(keys.load_if_changed().value(), false);
  const auto secret = file_.add(key("app"), kNoon);
  EXPECT_EQ(status(keys, "anything"), 200u);
  EXPECT_EQ(keys.load_if_changed().value(), true);
  EXPECT_EQ(keys.load_if_changed().value(), false);
  EXPECT_FALSE(keys.open());
  EXPECT_EQ(status(keys, "anything"), 401u);
  EXPECT_EQ(status(keys, *secret), 200u);
  ASSERT_TRUE(file_.revoke("app", kNoon));
  EXPECT_EQ(keys.load_if_changed().value(), true);
  EXPECT_EQ(status(keys, *secret), 401u);
  EXPECT_FALSE(keys.open());
}

TEST_F(KeyFileTest, DamageLeavesTheKeysOfBeforeAndIsToldOnce) {
  const auto secret = file_.add(key("app"), kNoon);
  Keyring keys({}, file_.path());
  ASSERT_TRUE(keys.load());
  write("{");
  EXPECT_EQ(keys.load_if_changed().error().code, ErrorCode::corrupt);
  EXPECT_EQ(keys.load_if_changed().value(), false);
  EXPECT_EQ(status(keys, *secret), 200u);
  std::filesystem::remove(file_.path());
  EXPECT_EQ(keys.load_if_changed().error().code, ErrorCode::io);
  EXPECT_EQ(keys.load_if_changed().value(), false);
  EXPECT_EQ(status(keys, *secret), 200u);
}

TEST_F(KeyFileTest, AKeyThatReplacesARevokedOneGoesOnWithItsSpendingByItsOwnLimits) {
  Keyring keys({}, file_.path());
  ASSERT_TRUE(keys.add(key("app"), kNoon));
  keys.account("app")->charge_usd(0.5, kNoon);
  ASSERT_TRUE(keys.revoke("app", kNoon));
  ApiKey limited = key("app");
  limited.requests_per_minute = 2;
  ASSERT_TRUE(keys.add(limited, kNoon));
  EXPECT_FALSE(keys.account("app")->take_request(kNoon));
  ASSERT_TRUE(keys.add(key("other"), kNoon));
  EXPECT_FALSE(keys.account("app")->take_request(kNoon));
  EXPECT_TRUE(keys.account("app")->take_request(kNoon));
  EXPECT_EQ(keys.account("app")->standing(kNoon).spent_today_usd, 0.5);
}

TEST_F(KeyFileTest, AKeyringKeepsTheConfigsNamesApart) {
  ApiKey configured = key("app");
  configured.sha256 = sha256("s3cret");
  Keyring keys({configured}, file_.path());
  ASSERT_TRUE(keys.load());
  EXPECT_EQ(keys.add(key("app"), kNoon).error().code, ErrorCode::conflict);
  EXPECT_EQ(keys.revoke("app", kNoon).error().code, ErrorCode::conflict);
  const auto secret = keys.add(key("other"), kNoon);
  ASSERT_TRUE(secret) << secret.error().message;
  EXPECT_EQ(status(keys, *secret), 200u);
  EXPECT_EQ(keys.list(kNoon).size(), 2u);
  EXPECT_EQ(keys.load_if_changed().value(), false);
  ASSERT_TRUE(keys.revoke("other", kNoon));
  EXPECT_EQ(status(keys, *secret), 401u);
}

TEST(KeyJson, SaysWhatIsWrongWithAKey) {
  const auto error_of = [](const char* text) {
    std::size_t unknown = 0;
    const auto key = key_from_json(boost::json::parse(text).as_object(), unknown);
    return key ? std::string() : key.error().message;
  };
  EXPECT_EQ(error_of(R"({"name": "app"})"), "");
  EXPECT_THAT(error_of(R"({"name": "a b"})"), HasSubstr("letters, digits"));
  EXPECT_THAT(error_of(R"({"name": "a", "scopes": []})"), HasSubstr("needs a scope"));
  EXPECT_THAT(error_of(R"({"name": "a", "scopes": ["root"]})"), HasSubstr("no scope 'root'"));
  EXPECT_THAT(error_of(R"({"name": "a", "models": "small"})"), HasSubstr("array of strings"));
  EXPECT_THAT(error_of(R"({"name": "a", "expires": "soon"})"), HasSubstr("'expires'"));
  EXPECT_THAT(error_of(R"({"name": "a", "requests_per_minute": -1})"), HasSubstr("0 or more"));
  EXPECT_THAT(error_of(R"({"name": "a", "budget_usd_per_day": -1})"), HasSubstr("0 or more"));
}

}  // namespace
}  // namespace yardmaster::agent
