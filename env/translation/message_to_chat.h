#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

/// Answers of Anthropic's /v1/messages in the terms of OpenAI's /v1/chat/completions. Pure
/// functions; any thread.
namespace yardmaster::env {

/// The chat completion for a message. `created` is seconds since 1970. Fails with io where the
/// body is no message.
Result<std::string> message_to_chat(std::string_view body, std::int64_t created);

/// An error's body in OpenAI's shape, its Anthropic type as the code; of a body that is none, with
/// its text as the message.
std::string anthropic_error_to_openai(std::string_view body, unsigned status);

// The same in parts, for streams.

/// Anthropic's stop_reason as a finish_reason.
std::string_view finish_reason_of(std::string_view stop_reason);

/// Anthropic's usage as OpenAI's: what the cache took and gave is part of the prompt.
boost::json::object chat_usage(const boost::json::object& usage);

/// {"error": {...}} for Anthropic's {"type": ..., "message": ...}.
boost::json::object openai_error(const boost::json::object& error);

}  // namespace yardmaster::env
