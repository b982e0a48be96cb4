#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace yardmaster::env {

/// The most that is read of a query's text.
inline constexpr std::size_t kQueryTextBytes = 8192;

/// What the router knows of one request of a client.
struct Query {
  std::string text;  ///< last user turn first, then system and earlier turns, cut to a budget
  std::string requested_model;     ///< the body's "model"; empty if absent
  std::string user;                ///< the body's "user"; empty if absent
  std::string prompt_cache_key;    ///< likewise
  std::uint64_t conversation = 0;  ///< a hash of all messages; 0: none (the short form)
  std::uint64_t continues = 0;     ///< of those before the last answer of a model: the
                                   ///< `conversation` of the request that it answered; 0: no answer
  std::uint32_t turns = 1;         ///< messages in the conversation
  std::uint64_t prompt_bytes = 0;  ///< of all messages and tools, uncut: for the token estimate
  std::optional<std::uint32_t> max_output_tokens;
  bool has_tools = false;
  bool has_images = false;
  bool has_code = false;
  bool wants_json = false;
  bool stream = false;
  bool wants_stream_usage = false;   ///< "stream_options": {"include_usage": true}
  bool is_short_form = false;        ///< {"query": "..."} in place of messages
  bool explain = false;              ///< the body's "explain": true (of /v1/route)
  std::string beyond_anthropic;      ///< what Anthropic's API has not, "logprobs"; empty: nothing
  std::string beyond_openai;         ///< the same of OpenAI's chat completions
  std::uint32_t unknown_fields = 0;  ///< fields that neither OpenAI's API nor ours defines
};

/// Reads a body of /v1/chat/completions or /v1/route ({"query": "..."} as a short form).
/// Thread-safe. `text_budget_bytes` bounds `Query::text`; the cut never splits a character.
/// Fails with invalid_argument: malformed JSON, wrong types, empty messages, invalid UTF-8; the
/// message says which field and what to send.
Result<Query> parse_query(std::string_view body, std::size_t text_budget_bytes = kQueryTextBytes);

/// A query of nothing but text, as data sets hold.
Query query_from_text(std::string_view text, std::size_t text_budget_bytes = kQueryTextBytes);

}  // namespace yardmaster::env
