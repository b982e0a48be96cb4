#pragma once

#include <boost/json/fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

/// Answers of OpenAI's /v1/chat/completions in the terms of Anthropic's /v1/messages. Pure
/// functions; any thread.
namespace yardmaster::env {

/// The message for a chat completion's first choice. Fails with io where the body is no completion.
Result<std::string> chat_to_message(std::string_view body);

/// An error's body in Anthropic's shape; of a body that is none, with its text as the message.
std::string openai_error_to_anthropic(std::string_view body, unsigned status);

/// {"type": "error", "error": {...}}, with Anthropic's type for an HTTP status.
std::string anthropic_error(std::string_view message, unsigned status);

// The same in parts, for streams.

/// OpenAI's finish_reason as a stop_reason.
std::string_view stop_reason_of(std::string_view finish_reason);

/// OpenAI's usage as Anthropic's, which counts what the cache gave apart.
boost::json::object message_usage(const boost::json::object& usage);

}  // namespace yardmaster::env
