#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

/// Anthropic's content blocks as the parts of OpenAI's messages. Pure functions; any thread.
namespace yardmaster::env {

/// What of a block OpenAI's API has nothing for, such as "images by a file's id"; empty: it has.
std::string block_beyond_openai(const boost::json::object& block);

/// Appends the parts for a block of a user's turn or of a tool's result: text, images, documents.
void append_parts(const boost::json::object& block, boost::json::array& parts);

/// All text of a content, a string or blocks, with `separator` between blocks.
std::string joined_text(const boost::json::value* content, std::string_view separator);

}  // namespace yardmaster::env
