#include "env/query.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "env/query_text.h"

namespace yardmaster::env {
namespace {

/// The error's message; empty where the body was accepted.
std::string error_of(std::string_view body) {
  const auto query = parse_query(body);
  if (query) return "";
  EXPECT_EQ(query.error().code, ErrorCode::invalid_argument) << body;
  return query.error().message;
}

TEST(ParseQuery, ReadsTheTextOfOneMessage) {
  const auto query = parse_query(R"({"model":"auto","messages":[{"role":"user","content":"Hi"}]})");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->text, "Hi");
  EXPECT_EQ(query->requested_model, "auto");
  EXPECT_EQ(query->turns, 1u);
  EXPECT_EQ(query->prompt_bytes, 2u);
  EXPECT_EQ(query->unknown_fields, 0u);
  EXPECT_FALSE(query->stream || query->has_tools || query->has_images || query->wants_json);
}

TEST(ParseQuery, PutsTheLastUserTurnFirstThenInstructionsThenTurnsFromTheLatest) {
  const auto query = parse_query(R"({"messages":[
      {"role":"system","content":"S"}, {"role":"user","content":"one"},
      {"role":"assistant","content":"two"}, {"role":"user","content":"three"},
      {"role":"assistant","content":null,"tool_calls":[]},
      {"role":"tool","tool_call_id":"1","content":"four"}]})");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->text, "three\nS\nfour\ntwo\none");
  EXPECT_EQ(query->turns, 6u);
  EXPECT_EQ(query->prompt_bytes, 16u);
}

TEST(ParseQuery, TakesTheLastMessageWhereNoUserSpoke) {
  const auto query = parse_query(R"({"messages":[{"role":"system","content":"S"}]})");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->text, "S");
}

TEST(ParseQuery, CutsTheTextButCountsAllBytes) {
  const auto query = parse_query(R"({"messages":[{"role":"system","content":"instructions"},)"
                                 R"({"role":"user","content":"a question"}]})",
                                 13);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->text, "a question\nin");
  EXPECT_EQ(query->prompt_bytes, 22u);
}

TEST(ParseQuery, ReadsPartsAndSeesImages) {
  const auto query = parse_query(R"({"messages":[{"role":"user","content":[
      {"type":"text","text":"What is"}, {"type":"image_url","image_url":{"url":"http://x/y.png"}},
      {"type":"text","text":"this?"}, {"type":"input_audio","input_audio":{}}]}]})");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->text, "What is\nthis?");
  EXPECT_TRUE(query->has_images);
  EXPECT_EQ(query->unknown_fields, 0u);
}

TEST(ParseQuery, ReadsTheFlags) {
  const auto query = parse_query(R"({"query":"q","stream":true,"explain":true,"user":"u7",
      "tools":[{"type":"function"}],"response_format":{"type":"json_schema","json_schema":{}}})");
  ASSERT_TRUE(query);
  EXPECT_TRUE(query->stream && query->explain && query->has_tools && query->wants_json);
  EXPECT_EQ(query->user, "u7");
}

TEST(ParseQuery, SeesNoToolsInAnEmptyListAndNoJsonInPlainText) {
  const auto query = parse_query(R"({"query":"q","tools":[],"response_format":{"type":"text"}})");
  ASSERT_TRUE(query);
  EXPECT_FALSE(query->has_tools || query->wants_json);
}

TEST(ParseQuery, TakesTheNewerNameOfTheOutputBound) {
  EXPECT_EQ(parse_query(R"({"query":"q"})")->max_output_tokens, std::nullopt);
  EXPECT_EQ(parse_query(R"({"query":"q","max_tokens":7})")->max_output_tokens, 7u);
  EXPECT_EQ(
      parse_query(R"({"query":"q","max_completion_tokens":9,"max_tokens":7})")->max_output_tokens,
      9u);
  EXPECT_EQ(parse_query(R"({"query":"q","max_tokens":99999999999999999999999})")->max_output_tokens,
            0xffffffffu);
}

TEST(ParseQuery, TakesNullAsAbsent) {
  const auto query = parse_query(
      R"({"query":"q","messages":null,"model":null,"stream":null,"tools":null,"max_tokens":null})");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->requested_model, "");
}

TEST(ParseQuery, CountsToolsTheirCallsAndImagesAsPartOfThePrompt) {
  const auto bytes = [](const std::string& body) { return parse_query(body)->prompt_bytes; };
  const std::string plain = R"("messages":[{"role":"user","content":"four"}])";
  const std::string long_text(5000, 'x');
  EXPECT_EQ(bytes("{" + plain + "}"), 4u);
  EXPECT_GT(bytes(R"({"tools":[{"type":"function","function":{"name":"f","description":")" +
                  long_text + R"("}}],)" + plain + "}"),
            5000u);
  EXPECT_GT(
      bytes(
          R"({"messages":[{"role":"assistant","tool_calls":[{"id":"1","function":{"arguments":")" +
          long_text + R"("}}]}]})"),
      5000u);
  EXPECT_GT(
      bytes(
          R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]})"),
      1000u);
}

TEST(ParseQuery, CountsFieldsThatNobodyDefines) {
  const auto query = parse_query(R"({"temperature":1,"top_k":40,"mirostat":2,
      "messages":[{"role":"user","content":[{"type":"video","video":1}],"name":"n","mood":"x"}]})");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->unknown_fields, 4u);  // top_k, mirostat, a part of type video, mood
}

TEST(ParseQuery, SeesCode) {
  EXPECT_TRUE(parse_query(R"({"query":"Why?\n```\nx\n```"})")->has_code);
  EXPECT_TRUE(parse_query(R"({"query":"int x;\nreturn x;"})")->has_code);
  EXPECT_FALSE(parse_query(R"({"query":"Say hello; then return home."})")->has_code);
}

TEST(ParseQuery, KeepsTheLastOfDoubledFieldsAndBearsHugeNumbers) {
  const auto query = parse_query(
      R"({"query":"first","seed":123456789012345678901234567890,"query":"second","n":1e400})");
  if (query) {
    EXPECT_EQ(query->text, "second");
  } else {
    ADD_FAILURE() << query.error().message;
  }
}

TEST(ParseQuery, BearsToolsOfDeepNesting) {
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  EXPECT_TRUE(parse_query(R"({"query":"q","tools":)" + deep + "}"));
}

TEST(ParseQuery, RefusesNestingWithoutEnd) {
  const std::string endless = R"({"query":"q","tools":)" + std::string(1'000'000, '[');
  EXPECT_NE(error_of(endless).find("nested more than 256 levels"), std::string::npos);
}

TEST(ParseQuery, NamesWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "not valid JSON"},
      {"{", "not valid JSON"},
      {"[]", "not an object"},
      {"{}", "'messages' must be an array of at least one message"},
      {R"({"messages":[]})", "'messages' must be an array of at least one message"},
      {R"({"messages":"hi"})", "'messages' must be an array"},
      {R"({"query":""})", "'query' must be a string"},
      {R"({"query":5})", "'query' must be a string"},
      {R"({"query":"q","messages":[]})", "both 'messages' and 'query'"},
      {R"({"messages":["hi"]})", "'messages[0]' must be an object"},
      {R"({"messages":[{"content":"x"}]})", "'messages[0].role' must be one of"},
      {R"({"messages":[{"role":"boss","content":"x"}]})", "'messages[0].role' must be one of"},
      {R"({"messages":[{"role":"user"}]})", "'messages[0].content' must be a string or an array"},
      {R"({"messages":[{"role":"user","content":7}]})", "'messages[0].content' must be"},
      {R"({"messages":[{"role":"user","content":["x"]}]})", "'messages[0].content[0]' must be"},
      {R"({"messages":[{"role":"user","content":[{"type":"text"}]}]})",
       "'messages[0].content[0].text' must be a string"},
      {R"({"query":"q","model":1})", "'model' must be a string"},
      {R"({"query":"q","user":{}})", "'user' must be a string"},
      {R"({"query":"q","stream":"yes"})", "'stream' must be true or false"},
      {R"({"query":"q","tools":{}})", "'tools' must be an array"},
      {R"({"query":"q","response_format":"json"})", "'response_format' must be an object"},
      {R"({"query":"q","max_tokens":0})", "'max_tokens' must be a whole number"},
      {R"({"query":"q","max_tokens":1.5})", "'max_tokens' must be a whole number"},
      {R"({"query":"q","max_tokens":"9"})", "'max_tokens' must be a whole number"},
  };
  for (const auto& [body, message] : cases) {
    EXPECT_NE(error_of(body).find(message), std::string::npos) << body << ": " << error_of(body);
  }
}

TEST(ParseQuery, RefusesBytesThatAreNotUtf8) {
  EXPECT_NE(error_of("{\"query\":\"caf\xe9\"}").find("not valid UTF-8"), std::string::npos);
  EXPECT_NE(error_of("{\"query\":\"\xed\xa0\x80\"}").find("not valid UTF-8"), std::string::npos);
}

TEST(ParseQuery, EitherReadsOrRefusesAnyBytes) {
  EXPECT_TRUE(rc::check([](const std::string& bytes) {
    const auto query = parse_query(bytes);
    RC_ASSERT(query || !query.error().message.empty());
  }));
}

TEST(QueryFromText, CutsAndCounts) {
  const Query query = query_from_text("naïve", 3);
  EXPECT_EQ(query.text, "na");
  EXPECT_EQ(query.prompt_bytes, 6u);
  EXPECT_EQ(query.turns, 1u);
}

/// Any valid UTF-8.
rc::Gen<std::string> valid_utf8() {
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
                          "a", "\n", "é", "中", "😀", "\xf4\x8f\xbf\xbf")),
                      [](const std::vector<std::string>& characters) {
                        std::string text;
                        for (const std::string& character : characters) text += character;
                        return text;
                      });
}

TEST(CutAtCharacter, KeepsUtf8ValidAndLosesAtMostThreeBytes) {
  EXPECT_TRUE(rc::check([] {
    const std::string text = *valid_utf8();
    const auto max = *rc::gen::inRange<std::size_t>(0, text.size() + 2);
    const std::string_view cut = cut_at_character(text, max);
    RC_ASSERT(cut.size() <= max);
    RC_ASSERT(cut.size() + 3 >= std::min(max, text.size()));
    RC_ASSERT(text.starts_with(cut));
    RC_ASSERT(is_utf8(cut));
  }));
}

TEST(CutAtCharacter, NeverExceedsItsBoundOnAnyBytes) {
  EXPECT_TRUE(rc::check([](const std::string& bytes, std::uint8_t max) {
    const std::string_view cut = cut_at_character(bytes, max);
    RC_ASSERT(cut.size() <= max);
    RC_ASSERT(bytes.starts_with(cut));
  }));
}

TEST(IsUtf8, RefusesOverlongFormsSurrogatesAndStrayBytes) {
  EXPECT_TRUE(is_utf8("plain, é, 中, 😀"));
  for (const char* bytes : {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xe4\xb8"}) {
    EXPECT_FALSE(is_utf8(bytes));
  }
}

TEST(ParseQuery, TellsWhetherTheUsageOfAStreamIsWanted) {
  const std::string start = R"({"messages":[{"role":"user","content":"a"}],"stream":true)";
  EXPECT_FALSE(parse_query(start + "}")->wants_stream_usage);
  EXPECT_FALSE(parse_query(start + R"(,"stream_options":{}})")->wants_stream_usage);
  EXPECT_FALSE(
      parse_query(start + R"(,"stream_options":{"include_usage":false}})")->wants_stream_usage);
  EXPECT_TRUE(
      parse_query(start + R"(,"stream_options":{"include_usage":true}})")->wants_stream_usage);
  EXPECT_FALSE(parse_query(start + R"(,"stream_options":{"include_usage":1}})"));
  EXPECT_FALSE(parse_query(start + R"(,"stream_options":[]})"));
}

}  // namespace
}  // namespace yardmaster::env
