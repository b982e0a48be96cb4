#include <boost/json/object.hpp>

#include "agent/http/server.h"
#include "base/json_text.h"

namespace yardmaster::agent {

namespace json = boost::json;

namespace {

std::string_view error_type(unsigned status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 429:
      return "rate_limit_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

json::value text_or_null(std::string_view text) {
  return text.empty() ? json::value(nullptr) : json::value(json::string_view(text));
}

}  // namespace

std::string error_body(std::string_view message, std::string_view type, std::string_view param,
                       std::string_view code) {
  return to_json(json::object{{"error", json::object{{"message", json::string_view(message)},
                                                     {"type", json::string_view(type)},
                                                     {"param", text_or_null(param)},
                                                     {"code", text_or_null(code)}}}});
}

HttpResponse error_response(unsigned status, std::string_view message, std::string_view code,
                            std::string_view param) {
  HttpResponse response;
  response.status = status;
  response.body = error_body(message, error_type(status), param, code);
  return response;
}

unsigned http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::no_candidate:
    case ErrorCode::context_length_exceeded:
      return 400;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::conflict:
      return 409;
    case ErrorCode::out_of_range:
      return 422;
    case ErrorCode::unsupported:
      return 501;
    case ErrorCode::unavailable:
      return 503;
    case ErrorCode::timed_out:
      return 504;
    case ErrorCode::corrupt:
    case ErrorCode::io:
      return 500;
  }
  return 500;
}

}  // namespace yardmaster::agent
