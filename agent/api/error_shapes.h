#pragma once

#include <string>
#include <string_view>

#include "agent/http/server.h"
#include "env/api_route.h"

namespace yardmaster::agent {

/// Gives an error, which is made in OpenAI's shape, the shape of the route's API. What is in it
/// already stays.
void shape_error(env::ApiRoute route, HttpResponse& response);

/// The same by the request's target: all below /v1/messages speaks Anthropic's API.
void shape_error(std::string_view target, HttpResponse& response);

/// The event that tells a stream's client that it broke.
std::string error_event(env::ApiRoute route, std::string_view message);

}  // namespace yardmaster::agent
