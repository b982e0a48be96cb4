#include "env/redactor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "env/query_text.h"

namespace yardmaster::env {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::unique_ptr<const Redactor> redactor(std::vector<std::string> builtin,
                                         std::vector<RedactionPattern> own = {}) {
  auto made = Redactor::make(builtin, own);
  EXPECT_TRUE(made) << made.error().message;
  return made ? std::move(*made) : nullptr;
}

std::string redacted(const std::string& builtin, const std::string& text) {
  return redactor({builtin})->redact(text);
}

std::string refusal(const std::string& pattern) {
  const Status checked = check_redaction_pattern(pattern);
  return checked ? "" : checked.error().message;
}

TEST(Redactor, TakesOutEmailAddresses) {
  EXPECT_EQ(redacted("email", "Write to Jo.O'Neil+x@mail.example.co.uk, or a@b.io."),
            "Write to [email], or [email].");
  EXPECT_EQ(redacted("email", "jürgen@müller.de"), "[email]");
  EXPECT_EQ(redacted("email", "3 @ 4 and @name and a@b"), "3 @ 4 and @name and a@b");
}

TEST(Redactor, TakesOutTelephoneNumbers) {
  for (const char* number :
       {"+49 170 1234567", "+1 (555) 010-9999", "0044 20 7946 0958", "(555) 010-9999",
        "555-010-9999", "030 1234567", "0170/1234567", "020 7946 0958", "06 12 34 56 78"}) {
    EXPECT_EQ(redacted("phone", std::string("call ") + number + " now"), "call [phone] now");
  }
  for (const char* text : {"in 2024", "01-02-2024", "01.02.2024", "3.14159265", "12 + 34567",
                           "1,000,000", "0 1 2 3 4 5 6 7 8 9"}) {
    EXPECT_EQ(redacted("phone", text), text);
  }
}

TEST(Redactor, TakesOutNumbersOfCardsWithARightCheckDigit) {
  EXPECT_EQ(redacted("card", "pay 4111 1111 1111 1111 please"), "pay [card] please");
  EXPECT_EQ(redacted("card", "5500-0000-0000-0004/378282246310005"), "[card]/[card]");
  EXPECT_EQ(redacted("card", "card4222222222222"), "card[card]");
  EXPECT_EQ(redacted("card", "17 4111111111111111"), "17 [card]");
  EXPECT_EQ(redacted("card", "4111 1111 1111 1112"), "4111 1111 1111 1112");
  EXPECT_EQ(redacted("card", "1767225600000000"), "1767225600000000");
  EXPECT_EQ(redacted("card", "41111111111111111111111"), "41111111111111111111111");
}

TEST(Redactor, TakesOutBankAccountsWithRightCheckDigits) {
  EXPECT_EQ(redacted("iban", "to DE89 3704 0044 0532 0130 00 by Friday"), "to [iban] by Friday");
  EXPECT_EQ(redacted("iban", "GB82WEST12345698765432, no15"), "[iban], no15");
  EXPECT_EQ(redacted("iban", "de89370400440532013000"), "[iban]");
  EXPECT_EQ(redacted("iban", "DE88 3704 0044 0532 0130 00"), "DE88 3704 0044 0532 0130 00");
}

TEST(Redactor, TakesOutAddressesOfMachines) {
  EXPECT_EQ(redacted("ip", "ping 10.0.0.1, then 192.168.1.20:8080 and host:172.16.0.1."),
            "ping [ip], then [ip]:8080 and host:[ip].");
  EXPECT_EQ(redacted("ip", "[2001:db8::1]:443 fe80::1: ::ffff:10.0.0.1"), "[[ip]]:443 [ip]: [ip]");
  for (const char* text :
       {"std::abs", "a::b", "12:30:45", "v1.2.3.4", "1.2.3", "1.2.3.4.5", "256.1.1.1", "::"}) {
    EXPECT_EQ(redacted("ip", text), text);
  }
}

TEST(Redactor, TakesOutSecrets) {
  for (const char* secret :
       {"sk-proj-abcdefghijklmnop1234", "sk_live_abcdefghijklmnop", "ghp_abcdefghijklmnopqrst",
        "AKIAIOSFODNN7EXAMPLE", "ym-0123456789abcdef0123456789abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "password: hunter22",
        "API_KEY=\"0a1b2c3d", "Bearer abcdefghij0123456789", "postgres://user:pass@"}) {
    EXPECT_EQ(redacted("secret", std::string("use ") + secret + " x"), "use [secret] x") << secret;
  }
  EXPECT_EQ(redacted("secret",
                     "a\n-----BEGIN RSA PRIVATE KEY-----\nMII\nabc\n"
                     "-----END RSA PRIVATE KEY-----\nb"),
            "a\n[secret]\nb");
  EXPECT_EQ(redacted("secret", "a\n-----BEGIN PRIVATE KEY-----\nMII\nthe rest is cut"),
            "a\n[secret]");
  for (const char* text : {"the secret of joy", "a token of thanks", "https://example.com/a:b"}) {
    EXPECT_EQ(redacted("secret", text), text);
  }
}

TEST(Redactor, SocialSecurityNumbersGo) {
  EXPECT_EQ(redacted("ssn", "SSN 123-45-6789."), "SSN [ssn].");
}

TEST(Redactor, AllMeansEveryBuiltInOne) {
  EXPECT_EQ(redacted("all", "a@b.io 10.0.0.1 4111111111111111 +49 170 1234567"),
            "[email] [ip] [card] [phone]");
  EXPECT_EQ(builtin_redactions().size(), 7u);
}

TEST(Redactor, PatternsOfTheUsersOwnGoByTheirNames) {
  const auto mine = redactor({}, {{"ticket", R"(TCK-\d+)"}, {"name", "(?i)jürgen|漢字"}});
  EXPECT_EQ(mine->redact("TCK-12 of Jürgen and 漢字, TCK-"), "[ticket] of [name] and [name], TCK-");
  EXPECT_EQ(mine->redact(""), "");
}

TEST(Redactor, WhatOverlapsGetsOneMark) {
  const auto mine = redactor({"email"}, {{"front", "write to jo"}, {"inner", "mail"}});
  EXPECT_EQ(mine->redact("write to jo@mail.io now"), "[front] now");
}

TEST(Redactor, APatternThatMatchesManyTimesTakesOutTheRest) {
  const auto mine = redactor({}, {{"x", "x"}});
  const std::string out = mine->redact(std::string(10'000, 'x') + " end");
  EXPECT_EQ(out.size(), 256 * 3u);
  EXPECT_THAT(out, Not(HasSubstr("end")));
}

TEST(Redactor, APatternThatCanMatchNothingInsideATextIsPassedOver) {
  const auto mine = redactor({}, {{"edge", R"(\b)"}, {"b", "b"}});
  EXPECT_EQ(mine->redact("a b"), "a [b]");
}

TEST(Redactor, APatternOverBytesSplitsNoCharacter) {
  EXPECT_EQ(redactor({}, {{"byte", "a\\C"}})->redact("aé, é"), "[byte], é");
}

TEST(Redactor, WhatCannotBeAPatternIsToldWhy) {
  EXPECT_THAT(refusal("(abc"),
              HasSubstr("is not a pattern: missing ): (abc; it is written in RE2"));
  EXPECT_THAT(refusal("a(?=b)"), HasSubstr("neither look-around nor references"));
  EXPECT_THAT(refusal(R"((a)\1)"), HasSubstr("is not a pattern"));
  EXPECT_THAT(refusal("a*"), HasSubstr("matches the empty text"));
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal(std::string(1001, 'a')), HasSubstr("has 1001 bytes"));
  EXPECT_THAT(refusal("a{900}b{900}c{900}"), HasSubstr("repeat less"));
  EXPECT_THAT(refusal(R"((\pL{30}x){20})"), HasSubstr("repeat less"));
  EXPECT_THAT(check_redaction_name("two words").error().message, HasSubstr("must be 1 to 32"));
  EXPECT_EQ(refusal("(a+)+$"), "");  // what a backtracking matcher would never end with
}

TEST(Redactor, NamesThatThereAreNotAndTooManyPatternsAreRefused) {
  EXPECT_EQ(Redactor::make(std::vector<std::string>{"emial"}, {}).error().message,
            "there is no built-in redaction 'emial'");
  EXPECT_THAT(Redactor::make({}, std::vector<RedactionPattern>{{"x", "("}}).error().message,
              HasSubstr("redaction 'x' is not a pattern"));
  const std::vector<RedactionPattern> many(kMostRedactionPatterns + 1, {"a", "a"});
  EXPECT_THAT(Redactor::make({}, many).error().message, HasSubstr("at most 32"));
}

RC_GTEST_PROP(Redactor, Utf8StaysUtf8, ()) {
  const auto parts = *rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>("4111111111111111", "a@b.io", " ", "\n", "é", "漢", "😀", ":",
                                    ".", "1", "DE89", "sk-", "password=", "x", "-"));
  std::string text;
  for (const std::string& part : parts) text += part;
  RC_ASSERT(is_utf8(redactor({"all"}, {{"mine", "[é漢]x"}})->redact(text)));
}

}  // namespace
}  // namespace yardmaster::env
