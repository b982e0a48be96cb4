#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace yardmaster::env {

/// Words of letters alone, of three or more, of a BERT vocabulary (one token a line).
std::vector<std::string_view> whole_words(std::string_view vocabulary);

/// Requests of many kinds (questions, code, mathematics, translation, chat) about subjects drawn
/// from `words`: what an encoder's output is centred and scaled on where no queries are at hand.
/// The same arguments give the same texts everywhere. Without words they are about "it".
std::vector<std::string> general_texts(std::span<const std::string_view> words, std::size_t count,
                                       std::uint64_t seed);

}  // namespace yardmaster::env
