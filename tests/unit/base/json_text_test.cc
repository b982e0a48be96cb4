#include "base/json_text.h"

#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <cmath>

namespace yardmaster {
namespace {

namespace json = boost::json;

TEST(JsonText, FractionsAreOrdinaryDecimals) {
  EXPECT_EQ(to_json(json::value(0.5)), "0.5");
  EXPECT_EQ(to_json(json::value(-30.25)), "-30.25");
  EXPECT_EQ(to_json(json::value(0.00047)), "0.00047");
}

TEST(JsonText, WholeNumbersStayWhole) {
  EXPECT_EQ(to_json(json::value(18'446'744'073'709'551'615u)), "18446744073709551615");
  EXPECT_EQ(to_json(json::value(-1)), "-1");
  EXPECT_EQ(to_json(json::value(30.0)), "30");
}

TEST(JsonText, ZeroHasNoSign) {
  EXPECT_EQ(to_json(json::value(-0.0)), "0");
  std::string text;
  append_number(-0.0F, text);
  EXPECT_EQ(text, "0");
}

TEST(JsonText, NumbersThatJsonDoesNotHaveAreNull) {
  EXPECT_EQ(to_json(json::value(std::nan(""))), "null");
  EXPECT_EQ(to_json(json::value(-HUGE_VAL)), "null");
}

TEST(JsonText, ValuesOfEveryKindReadBackAsTheyWere) {
  const json::value value = json::parse(
      R"({"a":[],"b":{},"c":[1,-2,0.1,true,false,null],"d":{"e":"\"\\\n\u0001é","f":[[3]]}})");
  EXPECT_EQ(json::parse(to_json(value)), value);
}

TEST(JsonText, BytesThatAreNotUtf8BecomeReplacementCharacters) {
  EXPECT_EQ(to_json(json::object{{"cut \xc3", 1}}), "{\"cut \xef\xbf\xbd\":1}");
}

}  // namespace
}  // namespace yardmaster
