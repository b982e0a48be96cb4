#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

/// Requests of OpenAI's /v1/chat/completions in the terms of Anthropic's /v1/messages. docs/api.md
/// has the table of what becomes of what. Pure functions; any thread.
namespace yardmaster::env {

/// Anthropic requires max_tokens. What is sent where neither the client names a bound nor the
/// config the model's own.
inline constexpr std::uint32_t kDefaultMaxTokens = 16'384;

/// The body of /v1/messages for a body of /v1/chat/completions. Fields that Anthropic's API does
/// not know are dropped. Fails with invalid_argument where nothing of it can be sent: no JSON
/// object, no message with content, a content that beyond_anthropic() names.
Result<std::string> chat_to_messages(std::string_view body, std::uint32_t default_max_tokens);

/// Whether the Claude model of that name still takes temperature and top_p: those from 4.7 on
/// refuse them. Other names: yes.
bool takes_sampling(std::string_view model);

}  // namespace yardmaster::env
