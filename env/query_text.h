#pragma once

#include <cstddef>
#include <string_view>

namespace yardmaster::env {

/// The longest prefix of at most `max_bytes` that does not split a UTF-8 character.
std::string_view cut_at_character(std::string_view text, std::size_t max_bytes);

/// True for well-formed UTF-8: no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text);

/// True where the text holds a fenced block, or two lines or more that look like a program's.
bool looks_like_code(std::string_view text);

}  // namespace yardmaster::env
