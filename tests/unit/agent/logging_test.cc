#include "agent/logging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <boost/json.hpp>
#include <sstream>

#include "base/time.h"

namespace yardmaster::agent {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

/// What a logger of this config writes.
std::string logged(const LoggingConfig& config, spdlog::level::level_enum level,
                   std::string_view text) {
  std::ostringstream out;
  make_logger(config, std::make_shared<spdlog::sinks::ostream_sink_mt>(out))->log(level, text);
  return out.str();
}

const LoggingConfig kPlain{LoggingConfig::Level::info, false, {}};
const LoggingConfig kJson{LoggingConfig::Level::info, true, {}};

TEST(Logging, APlainLineHasTimeLevelAndMessage) {
  const std::string line = logged(kPlain, spdlog::level::warn, "the disk is full");
  EXPECT_THAT(line, EndsWith(" warn  the disk is full\n"));
  EXPECT_TRUE(parse_rfc3339(line.substr(0, line.find(' ')))) << line;
}

TEST(Logging, AMessageCannotForgeAPlainLine) {
  const std::string line = logged(kPlain, spdlog::level::info, "a\nb\x1b[31m \xc2\x9b \r");
  EXPECT_THAT(line, EndsWith(" a\\nb\\u001b[31m \\u009b \\u000d\n"));
}

TEST(Logging, AJsonLineGivesTheMessageBack) {
  const std::string message = "quote \" backslash \\ newline \n tab \t zero ü";
  const auto line = boost::json::parse(logged(kJson, spdlog::level::err, message)).as_object();
  EXPECT_EQ(line.at("message").as_string(), message);
  EXPECT_EQ(line.at("level").as_string(), "error");
  EXPECT_TRUE(parse_rfc3339(line.at("time").as_string()));
}

TEST(Logging, WhatIsNoUtf8IsReplacedSoThatTheLineIsStillJson) {
  const auto line = boost::json::parse(logged(kJson, spdlog::level::info, "a\xff z")).as_object();
  EXPECT_EQ(line.at("message").as_string(), "a\xef\xbf\xbd z");
}

TEST(Logging, WhatIsBelowTheLevelIsLeftOut) {
  EXPECT_EQ(logged({LoggingConfig::Level::warn, false, {}}, spdlog::level::info, "hello"), "");
  EXPECT_NE(logged({LoggingConfig::Level::debug, false, {}}, spdlog::level::debug, "hello"), "");
  EXPECT_EQ(logged({LoggingConfig::Level::error, false, {}}, spdlog::level::warn, "hello"), "");
}

}  // namespace
}  // namespace yardmaster::agent
