#pragma once

#include <boost/json/fwd.hpp>
#include <string>

/// What requests ask for that the other provider's API cannot express, so that models behind it are
/// left out rather than asked for something else. Pure functions; any thread.
namespace yardmaster::env {

/// What a body of /v1/chat/completions has that Anthropic's API has not, like "logprobs"; empty:
/// all that matters can be translated.
std::string beyond_anthropic(const boost::json::object& chat);

/// What a body of /v1/messages has that OpenAI's chat completions have not.
std::string beyond_openai(const boost::json::object& messages);

}  // namespace yardmaster::env
