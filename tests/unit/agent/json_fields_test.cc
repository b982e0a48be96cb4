#include "agent/api/json_fields.h"

#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <limits>

namespace yardmaster::agent {
namespace {

TEST(JsonFields, ANumberIsNeverNotANumber) {
  const auto body = parse_object(R"({"zero": 0e316, "large": 1e316})");
  ASSERT_TRUE(body);
  JsonFields fields(*body);
  EXPECT_EQ(fields.number("zero"), 0.0);
  EXPECT_EQ(fields.number("large"), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(fields.status());
}

}  // namespace
}  // namespace yardmaster::agent
