#pragma once

#include <boost/beast/http/verb.hpp>
#include <chrono>
#include <memory>
#include <string_view>

#include "agent/access_log.h"
#include "agent/http/server.h"
#include "base/decision.h"

namespace yardmaster::agent {

/// The method's name, if it is a usual one, else "other": clients may send any word.
std::string_view method_name(boost::beast::http::verb method);

/// Adds tokens and cost of a call to its request's entry.
void add_outcome(const Outcome& outcome, AccessEntry& entry);

/// Has the access log say of a request that began at `start` how it was answered; of one that is
/// streamed at its end, for which the response's body is wrapped. `log` outlives the body.
void log_access(AccessLog& log, std::shared_ptr<AccessEntry> entry,
                std::chrono::steady_clock::time_point start, HttpResponse& response);

}  // namespace yardmaster::agent
