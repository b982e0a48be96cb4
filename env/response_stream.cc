#include "env/response_stream.h"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "env/translation/json_access.h"

namespace yardmaster::env {

namespace json = boost::json;

namespace {

bool is_last(std::string_view type) {
  return type == "response.completed" || type == "response.incomplete" ||
         type == "response.failed" || type == "response.cancelled";
}

}  // namespace

Status ResponseStreamReader::finish() const {
  if (done() || error_) return {};
  return fail(ErrorCode::io, "the stream ended before its response was complete; try again");
}

Status ResponseStreamReader::take_event(std::string_view event, std::string_view data) {
  const bool delta = data.find(".delta\"") != std::string_view::npos;
  const bool telling = data.find("\"response\"") != std::string_view::npos ||
                       data.find("\"error\"") != std::string_view::npos;
  if (started_ && delta && !telling) {
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
  if (type == "error") {
    if (!started_) {
      return fail(ErrorCode::io, "the stream begins with " + error_kind(*parsed) + ": " +
                                     std::string(text_in(*parsed, "message")));
    }
    error_ = error_kind(*parsed);
  }
  started_ = true;
  const json::object* response = object_in(*parsed, "response");
  if (response != nullptr) read_usage(ApiRoute::responses, *response, usage_);
  if (is_last(type)) {
    if (response != nullptr && type == "response.failed") error_ = error_kind(*response);
    end_ = event;
    return {};
  }
  pass_on(event);
  return {};
}

}  // namespace yardmaster::env
