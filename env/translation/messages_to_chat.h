#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

/// Requests of Anthropic's /v1/messages in the terms of OpenAI's /v1/chat/completions. docs/api.md
/// has the table of what becomes of what. Pure functions; any thread.
namespace yardmaster::env {

/// What OpenAI-compatible servers differ in.
struct ChatDialect {
  bool max_completion_tokens = false;  ///< the name of the bound that OpenAI's own models want
  bool stream_usage = true;            ///< streams are asked for their usage
};

/// The body of /v1/chat/completions for one of /v1/messages. What beyond_openai() names is left
/// out. Fails with invalid_argument on what Anthropic's API does not take either; the message says
/// which field and what to send.
Result<boost::json::object> messages_to_chat(const boost::json::object& messages,
                                             ChatDialect dialect = {});

/// The same from bytes to bytes.
Result<std::string> messages_to_chat(std::string_view body, ChatDialect dialect = {});

}  // namespace yardmaster::env
