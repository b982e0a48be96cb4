#include "env/message_stream.h"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "env/translation/json_access.h"

namespace yardmaster::env {

namespace json = boost::json;

Status MessageStreamReader::finish() const {
  if (done() || error_) return {};
  return fail(ErrorCode::io, "the stream ended before its message_stop; try again");
}

Status MessageStreamReader::take_event(std::string_view event, std::string_view data) {
  // Nearly all events are deltas of the content, of which there is nothing to note.
  if (started_ && data.find("\"content_block_delta\"") != std::string_view::npos) {
    pass_on(event);
    return {};
  }
  const auto parsed = parse_answer(data);
  if (!parsed) {
    if (!started_) return fail(ErrorCode::io, "the stream begins with what is no JSON object");
    pass_on(event);
    return {};
  }
  const std::string_view type = text_in(*parsed, "type");
  if (type == "message_stop") {
    if (!started_) return fail(ErrorCode::io, "the stream ended before its first content");
    end_ = event;
    return {};
  }
  if (type == "error") {
    if (!started_) return fail(ErrorCode::io, error_text("the stream begins with", *parsed));
    error_ = error_kind(*parsed);
  } else if (type == "message_start") {
    if (const json::object* message = object_in(*parsed, "message")) {
      read_usage(ApiRoute::messages, *message, usage_);
    }
  } else if (type != "ping") {
    started_ = true;
    read_usage(ApiRoute::messages, *parsed, usage_);
  }
  pass_on(event);
  return {};
}

}  // namespace yardmaster::env
