#pragma once

#include <boost/json/fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/http/server.h"
#include "agent/router.h"
#include "base/result.h"

namespace yardmaster::agent {

/// A header's value, empty if absent. The view lives as long as the request.
std::string_view header(const HttpRequest& request, std::string_view name);

/// Reads the x-yardmaster-* and x-session-id headers of a routed call into a RouteRequest without
/// its query. Fails with invalid_argument: a weight that is no number, a session id over 256
/// bytes.
Result<RouteRequest> read_route_headers(const HttpRequest& request);

/// The headers that every routed answer carries; x-yardmaster-degraded too where the query could
/// not be encoded.
void add_decision_headers(const Decision& decision, HttpResponse& response);

/// A decision served by the baseline because the store is down: not logged, so it has no id.
void add_degraded_headers(const Decision& decision, HttpResponse& response);

/// What a client is told whose record the store did not take in time.
Error store_overdue();

/// An Error as an OpenAI-shaped answer; unavailable gets Retry-After.
HttpResponse to_response(const Error& error);

/// The same of why no model takes a query; one that does not exist is the request's `model`.
HttpResponse model_refused(const Error& error);

/// A 200 with that body.
HttpResponse json_response(const boost::json::object& body);

}  // namespace yardmaster::agent
