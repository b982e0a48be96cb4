#include "agent/access_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>
#include <vector>

#include "tests/common/temp_dir.h"

namespace yardmaster::agent {
namespace {

using testing::HasSubstr;

std::string contents(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(AccessLine, IsOneJsonObjectWithWhatIsKnown) {
  AccessEntry entry;
  entry.time = *parse_rfc3339("2026-11-27T12:00:00Z");
  entry.method = "POST";
  entry.route = "/v1/chat/completions";
  entry.status = 200;
  entry.total_us = 1234.4;
  EXPECT_EQ(access_line(entry), R"({"time":"2026-11-27T12:00:00.000000Z","method":"POST",)"
                                R"("route":"/v1/chat/completions","status":200,"total_us":1234})"
                                "\n");
  entry.own_us = "56";
  entry.key = "app";
  entry.model = "a \"name\"\n";
  entry.decision_id = "0199";
  entry.attempts = "2";
  entry.hedge = "won";
  entry.input_tokens = 3;
  entry.output_tokens = 0;
  entry.cost_usd = 0.000125;
  entry.stream = "complete";
  const auto read = boost::json::parse(access_line(entry)).as_object();
  EXPECT_EQ(read.at("own_us").to_number<int>(), 56);
  EXPECT_EQ(read.at("key").as_string(), "app");
  EXPECT_EQ(read.at("model").as_string(), "a \"name\"\n");
  EXPECT_EQ(read.at("decision_id").as_string(), "0199");
  EXPECT_EQ(read.at("attempts").to_number<int>(), 2);
  EXPECT_EQ(read.at("hedge").as_string(), "won");
  EXPECT_EQ(read.at("input_tokens").to_number<int>(), 3);
  EXPECT_EQ(read.at("output_tokens").to_number<int>(), 0);
  EXPECT_EQ(read.at("cost_usd").to_number<double>(), 0.000125);
  EXPECT_EQ(read.at("stream").as_string(), "complete");
}

TEST(AccessLog, AppendsToAFileThatOnlyItsOwnerReads) {
  const test::TempDir directory;
  const auto path = directory.path() / "access.log";
  for (const char* line : {"one\n", "two\n"}) {
    auto log = AccessLog::open(path.string());
    ASSERT_TRUE(log) << log.error().message;
    (*log)->write(line);
  }
  EXPECT_EQ(contents(path), "one\ntwo\n");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(AccessLog, AFileThatCannotBeOpenedIsNamed) {
  const auto log = AccessLog::open("/nowhere/access.log");
  ASSERT_FALSE(log);
  EXPECT_THAT(log.error().message, HasSubstr("logging.access_log '/nowhere/access.log'"));
}

TEST(AccessLog, WhoWritesNeverWaitsAndWhatHasNoRoomIsCounted) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const std::string line(1u << 20, 'x');
  auto log = std::make_unique<AccessLog>(ends[1], true);
  // Nobody reads the pipe yet: a disk that hangs.
  for (int i = 0; i < 20; ++i) log->write(line);
  const std::uint64_t dropped = log->dropped();
  EXPECT_GE(dropped, 10u);
  EXPECT_LT(dropped, 20u);
  std::size_t read = 0;
  std::thread reading([&] {
    std::vector<char> bytes(1u << 16);
    ssize_t size = 0;
    while ((size = ::read(ends[0], bytes.data(), bytes.size())) > 0) {
      read += static_cast<std::size_t>(size);
    }
  });
  log.reset();
  reading.join();
  ::close(ends[0]);
  EXPECT_EQ(read, (20 - dropped) * line.size());
}

TEST(AccessLog, WhatTheDescriptorRefusesIsCounted) {
  const int closed = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(closed, 0);
  AccessLog log(closed, true);
  log.write("one\n");
  while (log.dropped() == 0) {
  }
  EXPECT_EQ(log.dropped(), 1u);
}

}  // namespace
}  // namespace yardmaster::agent
