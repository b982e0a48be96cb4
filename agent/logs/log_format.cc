#include "agent/logs/log_format.h"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <string>

namespace yardmaster::agent {

Result<LogFormat> parse_log_format(std::string_view name) {
  for (const LogFormat format : {LogFormat::outcomes, LogFormat::decisions, LogFormat::litellm}) {
    if (name == name_of(format)) return format;
  }
  return fail(ErrorCode::invalid_argument,
              "unknown log format; give outcomes, decisions or litellm, not " + std::string(name));
}

std::string_view name_of(LogFormat format) {
  switch (format) {
    case LogFormat::outcomes:
      return "outcomes";
    case LogFormat::decisions:
      return "decisions";
    case LogFormat::litellm:
      return "litellm";
  }
  return "";
}

Result<LogFormat> detect_log_format(std::string_view line) {
  boost::json::error_code error;
  const boost::json::value parsed = boost::json::parse(line, error);
  const boost::json::object* object = error ? nullptr : parsed.if_object();
  if (object != nullptr) {
    if (object->contains("outcomes")) return LogFormat::outcomes;
    if (object->contains("candidates")) return LogFormat::decisions;
    if (object->contains("model") || object->contains("model_group")) return LogFormat::litellm;
  }
  return fail(ErrorCode::invalid_argument,
              "the log's format cannot be told from its first line; name it with --format");
}

}  // namespace yardmaster::agent
