#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

/// The parts of OpenAI's messages as Anthropic's content blocks. Pure functions; any thread.
namespace yardmaster::env {

/// Blocks for a message's content: a string, an array of parts, or nothing (nullptr). Text without
/// anything but blanks, which Anthropic refuses, is left out; so is what has no block. Fails with
/// invalid_argument on what part_beyond_anthropic() names.
Result<boost::json::array> content_blocks(const boost::json::value* content);

/// What of a part Anthropic's API has nothing for, such as "audio"; empty: it has.
std::string_view part_beyond_anthropic(const boost::json::object& part);

boost::json::object text_block(std::string_view text);

/// The id with what Anthropic does not take ('.' or ':', which other providers' ids have) replaced,
/// alike for a call and its result.
std::string tool_id(std::string_view id);

/// The arguments of a call, which are JSON in a string, as the object that Anthropic wants. What is
/// none is put into one, as {"arguments": ...}.
boost::json::object tool_input(std::string_view arguments);

/// The mark of Anthropic's prompt cache, which clients of OpenAI's API may set as well.
void copy_cache_control(const boost::json::object& from, boost::json::object& to);

bool is_blank(std::string_view text);

/// "data:image/png;base64,AAAA" in its parts.
struct DataUrl {
  std::string_view media_type;
  std::string_view base64;
};
std::optional<DataUrl> parse_data_url(std::string_view url);

}  // namespace yardmaster::env
