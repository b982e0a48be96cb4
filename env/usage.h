#pragma once

#include <boost/json/fwd.hpp>
#include <boost/json/storage_ptr.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace yardmaster::env {

/// How an answer ended, the worse the later.
enum class Finish { stop, length, refusal };

/// What an answer says of itself.
struct Usage {
  std::optional<std::uint64_t> input_tokens;
  std::optional<std::uint64_t> output_tokens;
  std::uint64_t cache_read_tokens = 0;   ///< of the input
  std::uint64_t cache_write_tokens = 0;  ///< of the input
  std::string response_id;
  std::optional<Finish> finish;  ///< of several choices the worst; nothing: it has not said
};

/// Keeps the worse of what was known and this.
void note_finish(Finish finish, Usage& usage);

/// An answer or an event of one, parsed, in `memory`. Nothing: it is no JSON object.
std::optional<boost::json::object> parse_answer(std::string_view text,
                                                boost::json::storage_ptr memory = {});

/// Adds what an OpenAI chat completion or a chunk of one says to `usage`; absent fields stay as
/// they were. For answers of every route see env/route_usage.h.
void read_usage(const boost::json::object& answer, Usage& usage);

/// What an answer says that is an error, and not a completion with a null "error" in it. Nothing:
/// it is none.
std::optional<std::string> error_in(const boost::json::object& answer);

/// Of what kind the error of an answer or of an event is, without its words, which may quote the
/// prompt: "an error of type overloaded_error", "an error".
std::string error_kind(const boost::json::object& answer);

/// "WHERE an error of type overloaded_error: WORDS", for the client.
std::string error_text(std::string_view where, const boost::json::object& answer);

/// The same without the words, for what is kept; any other message as it is.
std::string_view without_words(std::string_view message);

}  // namespace yardmaster::env
