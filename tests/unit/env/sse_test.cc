#include "env/sse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

namespace yardmaster::env {
namespace {

using testing::ElementsAre;

/// The events of a stream that comes in these pieces.
std::vector<std::string> split(const std::vector<std::string>& pieces, std::size_t bound = 1000) {
  SseSplitter splitter(bound);
  std::vector<std::string> events;
  for (const std::string& piece : pieces) {
    EXPECT_TRUE(splitter.append(piece));
    while (const auto event = splitter.next()) events.emplace_back(*event);
  }
  return events;
}

std::string data_in(std::string_view event) {
  std::string joined;
  const auto found = sse_data(event, joined);
  return found ? std::string(*found) : "none";
}

TEST(SseSplitter, CutsAtBlankLinesOfEveryKind) {
  EXPECT_THAT(split({"data: a\n\ndata: b\r\n\r\ndata: c\r\rdata: d\n\n"}),
              ElementsAre("data: a\n\n", "data: b\r\n\r\n", "data: c\r\r", "data: d\n\n"));
}

TEST(SseSplitter, TakesManyLinesThatEndInCrInTheTimeOfTheirLength) {
  // Looking for an LF to the end of the text in each of them would take hours.
  std::string event;
  for (int i = 0; i < 4'000'000; ++i) event += "a\r";
  event += '\r';
  EXPECT_THAT(split({event}, 100'000'000), ElementsAre(event));
  EXPECT_EQ(data_in(event), "none");
}

TEST(SseSplitter, GivesAnEventAsSoonAsItsLastByteIsThere) {
  EXPECT_THAT(split({"data: a\n", "\n"}), ElementsAre("data: a\n\n"));
  EXPECT_THAT(split({"data: a\r\n\r", "\n", "data: b\n\n"}),
              ElementsAre("data: a\r\n\r", "\n", "data: b\n\n"));
}

TEST(SseSplitter, KeepsAnEventThatIsNotComplete) {
  EXPECT_THAT(split({"data: a\n\ndata: half", " an event\n"}), ElementsAre("data: a\n\n"));
}

TEST(SseSplitter, RefusesAnEventOverTheBound) {
  SseSplitter splitter(10);
  EXPECT_TRUE(splitter.append("data: 123456"));
  EXPECT_FALSE(splitter.next());
  EXPECT_FALSE(splitter.append("7"));
}

TEST(SseData, JoinsDataLinesAndPassesOverTheRest) {
  EXPECT_EQ(data_in("data: a\n\n"), "a");
  EXPECT_EQ(data_in("data:a\r\n\r\n"), "a");
  EXPECT_EQ(data_in("data:  a\n\n"), " a");
  EXPECT_EQ(data_in("event: x\ndata: a\nid: 1\ndata: b\ndata\ndata: c\n\n"), "a\nb\n\nc");
  EXPECT_EQ(data_in("\xef\xbb\xbf"
                    "data: a\n\n"),
            "a");
  EXPECT_EQ(data_in(": comment\n\n"), "none");
  EXPECT_EQ(data_in("database: a\n\n"), "none");
  EXPECT_EQ(data_in("\n"), "none");
}

RC_GTEST_PROP(SseSplitterProperty, AnyCutsGiveTheSameDataAndTheSameBytes, ()) {
  const std::string newline = *rc::gen::element<std::string>("\n", "\r\n", "\r");
  const auto texts = *rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>("a", "{\"x\":1}", "é漢😀", "[DONE]", " ", "data: no"));
  std::string stream;
  for (const std::string& text : texts) {
    stream.append("data: ").append(text).append(newline).append(newline);
  }
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < stream.size();) {
    const auto size = *rc::gen::inRange<std::size_t>(1, 6);
    pieces.push_back(stream.substr(at, size));
    at += size;
  }
  std::string bytes;
  std::vector<std::string> found;
  for (const std::string& event : split(pieces)) {
    bytes += event;
    if (data_in(event) != "none") found.push_back(data_in(event));
  }
  RC_ASSERT(bytes == stream);
  RC_ASSERT(found == texts);
}

}  // namespace
}  // namespace yardmaster::env
