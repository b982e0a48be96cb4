#include "agent/api/error_shapes.h"

#include <boost/json/object.hpp>

#include "base/json_text.h"
#include "env/translation/chat_to_message.h"

namespace yardmaster::agent {

namespace json = boost::json;

namespace {

constexpr unsigned kBadGateway = 502;

}  // namespace

void shape_error(env::ApiRoute route, HttpResponse& response) {
  if (route != env::ApiRoute::messages || response.status < 400) return;
  response.body = env::openai_error_to_anthropic(response.body, response.status);
  response.content_type.reset();
}

void shape_error(std::string_view target, HttpResponse& response) {
  constexpr std::string_view kMessages = "/v1/messages";
  const std::string_view path = target.substr(0, target.find('?'));
  const bool below = path.starts_with(kMessages) &&
                     (path.size() == kMessages.size() || path[kMessages.size()] == '/');
  if (below) shape_error(env::ApiRoute::messages, response);
}

std::string error_event(env::ApiRoute route, std::string_view message) {
  if (route == env::ApiRoute::messages) {
    return "event: error\ndata: " + env::anthropic_error(message, kBadGateway) + "\n\n";
  }
  if (route == env::ApiRoute::responses) {
    return "event: error\ndata: " +
           to_json(json::object{{"type", "error"},
                                {"code", "upstream_error"},
                                {"message", message},
                                {"param", nullptr}}) +
           "\n\n";
  }
  return "data: " + error_body(message, "server_error", {}, "upstream_error") + "\n\n";
}

}  // namespace yardmaster::agent
