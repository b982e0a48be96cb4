#include "agent/auth.h"

#include <gtest/gtest.h>

namespace yardmaster::agent {
namespace {

Authenticator with_key(std::string_view secret, std::uint8_t scopes) {
  return Authenticator({{"app", sha256(secret), scopes}});
}

TEST(Auth, WithoutKeysEveryoneMayDoEverything) {
  const Authenticator open({});
  EXPECT_TRUE(open.check("", kScopeAdmin));
  EXPECT_TRUE(open.check("Bearer anything", kScopeRoute));
}

TEST(Auth, AKnownKeyWithTheScopeNamesItsCaller) {
  const auto caller = with_key("s3cret", kScopeRoute).check("Bearer s3cret", kScopeRoute);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->name, "app");
  EXPECT_TRUE(with_key("s3cret", kScopeRoute).check("bearer s3cret", kScopeRoute));
}

TEST(Auth, MissingUnknownAndMalformedKeysAre401) {
  const Authenticator keys = with_key("s3cret", kScopeRoute);
  for (const char* header : {"", "Bearer", "Bearer ", "Bearer wrong", "Basic s3cret", "s3cret"}) {
    const auto caller = keys.check(header, kScopeRoute);
    ASSERT_FALSE(caller) << header;
    EXPECT_EQ(caller.error().status, 401u) << header;
  }
}

TEST(Auth, AKeyWithoutTheScopeIs403AndTheMessageNamesTheScopeButNotTheKey) {
  const auto caller = with_key("s3cret", kScopeRoute).check("Bearer s3cret", kScopeAdmin);
  ASSERT_FALSE(caller);
  EXPECT_EQ(caller.error().status, 403u);
  EXPECT_NE(caller.error().message.find("admin"), std::string::npos);
  EXPECT_EQ(caller.error().message.find("s3cret"), std::string::npos);
}

TEST(Auth, Sha256ReadsWhatSha256sumPrints) {
  const auto hash =
      parse_sha256("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  ASSERT_TRUE(hash);
  EXPECT_EQ(*hash, sha256("abc"));
  EXPECT_FALSE(parse_sha256("ba78"));
  EXPECT_FALSE(parse_sha256(std::string(64, 'g')));
}

}  // namespace
}  // namespace yardmaster::agent
