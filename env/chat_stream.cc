#include "env/chat_stream.h"

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace yardmaster::env {

namespace json = boost::json;

namespace {

constexpr std::string_view kEnd = "[DONE]";

struct Member {
  std::string_view quoted_name;
  char value_begin;
};

constexpr std::array<Member, 4> kNews{
    {{"\"usage\"", '{'}, {"\"error\"", '{'}, {"\"finish_reason\"", '"'}, {"\"refusal\"", '"'}}};

/// Whether the chunk has one of these members with a value that begins so, at any depth. Quotes
/// within strings are escaped, so a quoted name is one. Spares parsing the chunks that say nothing
/// new.
bool says_something_new(std::string_view chunk) {
  for (std::size_t at = chunk.find('"'); at != std::string_view::npos;
       at = chunk.find('"', at + 1)) {
    const std::string_view rest = chunk.substr(at);
    for (const Member& member : kNews) {
      if (!rest.starts_with(member.quoted_name)) continue;
      const std::size_t value = rest.find_first_not_of(" \t:", member.quoted_name.size());
      if (value != std::string_view::npos && rest[value] == member.value_begin) return true;
    }
  }
  return false;
}

}  // namespace

Status ChatStreamReader::take_event(std::string_view event, std::string_view data) {
  if (data == kEnd) {
    if (!started_) return fail(ErrorCode::io, "the stream ended before its first chunk");
    end_ = event;
    return {};
  }
  if (started_ && !says_something_new(data)) {
    pass_on(event);
    return {};
  }
  const auto chunk = parse_answer(data);
  if (!started_) {
    if (!chunk) return fail(ErrorCode::io, "the stream begins with what is no JSON object");
    if (error_in(*chunk)) {
      return fail(ErrorCode::io, error_text("the stream begins with", *chunk));
    }
    started_ = true;
  }
  bool usage_alone = false;
  if (chunk) {
    if (error_in(*chunk)) error_ = error_kind(*chunk);
    read_usage(*chunk, usage_);
    const json::value* choices = chunk->if_contains("choices");
    const json::value* usage = chunk->if_contains("usage");
    usage_alone = usage != nullptr && usage->is_object() && choices != nullptr &&
                  choices->is_array() && choices->get_array().empty();
  }
  if (!usage_alone || !hide_usage_) pass_on(event);
  return {};
}

}  // namespace yardmaster::env
