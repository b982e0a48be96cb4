#include "env/chat_stream.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace yardmaster::env {

namespace json = boost::json;

namespace {

constexpr std::string_view kEnd = "[DONE]";

/// Whether the text has a member of that name whose value begins so, at any depth. Quotes within
/// strings are escaped, so a quoted name is one. Spares parsing the chunks that say nothing new.
bool mentions(std::string_view text, std::string_view quoted_name, char value_begin) {
  for (std::size_t at = text.find(quoted_name); at != std::string_view::npos;
       at = text.find(quoted_name, at + 1)) {
    const std::size_t value = text.find_first_not_of(" \t:", at + quoted_name.size());
    if (value != std::string_view::npos && text[value] == value_begin) return true;
  }
  return false;
}

bool says_something_new(std::string_view chunk) {
  return mentions(chunk, "\"usage\"", '{') || mentions(chunk, "\"error\"", '{') ||
         mentions(chunk, "\"finish_reason\"", '"') || mentions(chunk, "\"refusal\"", '"');
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
