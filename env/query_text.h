#pragma once

#include <cstddef>
#include <string_view>

namespace yardmaster::env {

/// The longest prefix of at most `max_bytes` that does not split a UTF-8 character.
std::string_view cut_at_character(std::string_view text, std::size_t max_bytes);

/// True for well-formed UTF-8: no overlong forms, no surrogates, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text);

/// True for a word of a program's, and none of a person's: 1 to 64 letters, digits and "_-./+".
/// What a client or an upstream wrote is repeated in what is kept only where it is one.
bool is_identifier(std::string_view text);

/// The name of a kind of thing that a client named: the identifier, or "another kind".
std::string_view kind_named(std::string_view text);

/// True where the text holds a fenced block, or two lines or more that look like a program's.
bool looks_like_code(std::string_view text);

}  // namespace yardmaster::env
