#include "agent/keys/keyring.h"

#include <gtest/gtest.h>

#include "base/time.h"

namespace yardmaster::agent {
namespace {

const Timestamp kNoon = parse_rfc3339("2026-01-31T12:00:00Z").value();

ApiKey app(std::string_view secret, std::uint8_t scopes) {
  ApiKey key;
  key.name = "app";
  key.sha256 = sha256(secret);
  key.scopes = scopes;
  return key;
}

auto check(const std::vector<ApiKey>& keys, std::string_view header, Scope scope,
           Timestamp now = kNoon) {
  const Keyring keyring(keys, "/nowhere/keys.json");
  Published<std::shared_ptr<const KeySet>>::Reader reader(keyring.set());
  return reader.current()->check(header, scope, now);
}

TEST(Keyring, WithoutKeysEveryoneMayDoEverything) {
  EXPECT_TRUE(check({}, "", kScopeAdmin));
  EXPECT_TRUE(check({}, "Bearer anything", kScopeRoute));
}

TEST(Keyring, AKnownKeyWithTheScopeNamesItsCaller) {
  const auto caller = check({app("s3cret", kScopeRoute)}, "Bearer s3cret", kScopeRoute);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->name, "app");
  EXPECT_TRUE(check({app("s3cret", kScopeRoute)}, "bearer s3cret", kScopeRoute));
}

TEST(Keyring, MissingUnknownAndMalformedKeysAre401) {
  for (const char* header : {"", "Bearer", "Bearer ", "Bearer wrong", "Basic s3cret", "s3cret"}) {
    const auto caller = check({app("s3cret", kScopeRoute)}, header, kScopeRoute);
    ASSERT_FALSE(caller) << header;
    EXPECT_EQ(caller.error().status, 401u) << header;
    EXPECT_EQ(caller.error().code, "invalid_api_key");
  }
}

TEST(Keyring, AKeyWithoutTheScopeIs403AndTheMessageNamesTheScopeButNotTheKey) {
  const auto caller = check({app("s3cret", kScopeRoute)}, "Bearer s3cret", kScopeAdmin);
  ASSERT_FALSE(caller);
  EXPECT_EQ(caller.error().status, 403u);
  EXPECT_NE(caller.error().message.find("admin"), std::string::npos);
  EXPECT_EQ(caller.error().message.find("s3cret"), std::string::npos);
}

TEST(Keyring, AKeyIsGoodUntilTheMomentItExpires) {
  ApiKey key = app("s3cret", kScopeRoute);
  key.expires = kNoon;
  EXPECT_TRUE(check({key}, "Bearer s3cret", kScopeRoute, kNoon - std::chrono::microseconds(1)));
  const auto caller = check({key}, "Bearer s3cret", kScopeRoute, kNoon);
  ASSERT_FALSE(caller);
  EXPECT_EQ(caller.error().status, 401u);
  EXPECT_EQ(caller.error().message,
            "key 'app' expired at 2026-01-31T12:00:00.000000Z; ask whoever runs this daemon for a "
            "new one");
}

TEST(ApiKey, MayUseWhatItsListsLeave) {
  ApiKey key;
  EXPECT_TRUE(key.may_use("small"));
  key.deny_models = {"large"};
  EXPECT_TRUE(key.may_use("small"));
  EXPECT_FALSE(key.may_use("large"));
  key.models = {"large", "tiny"};
  EXPECT_TRUE(key.may_use("tiny"));
  EXPECT_FALSE(key.may_use("small"));
  EXPECT_FALSE(key.may_use("large"));
}

TEST(ApiKey, Sha256ReadsWhatSha256sumPrints) {
  const std::string hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  const auto hash = parse_sha256(hex);
  ASSERT_TRUE(hash);
  EXPECT_EQ(*hash, sha256("abc"));
  EXPECT_EQ(to_hex(*hash), hex);
  EXPECT_FALSE(parse_sha256("ba78"));
  EXPECT_FALSE(parse_sha256(std::string(64, 'g')));
}

TEST(ApiKey, SecretsAreLongAndNeverTheSame) {
  const auto one = make_secret();
  const auto other = make_secret();
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->size(), 51u);
  EXPECT_TRUE(one->starts_with("ym-"));
  EXPECT_NE(*one, *other);
}

}  // namespace
}  // namespace yardmaster::agent
