#pragma once

#include <spdlog/common.h>

#include <memory>

#include "agent/config.h"

namespace spdlog {
class logger;
}

namespace yardmaster::agent {

/// A logger that writes lines of the configured form to `sink`. Plain: time, level, message, with
/// control characters escaped, so that nothing a client sends can forge a line. JSON: an object a
/// line, {"time","level","message"}. Times are RFC 3339 in UTC. Callers keep prompts and keys out.
std::shared_ptr<spdlog::logger> make_logger(const LoggingConfig& config, spdlog::sink_ptr sink);

/// Sends everything that spdlog's free functions log to standard error, as the config says. Called
/// once, by a command, before any thread starts.
void set_up_logging(const LoggingConfig& config);

}  // namespace yardmaster::agent
