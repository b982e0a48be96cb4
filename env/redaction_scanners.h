#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

/// Finds in texts what a check digit or a parser tells better than a pattern. Each appends what it
/// finds, which may overlap, in time proportional to the text. Pure; any thread.
namespace yardmaster::env {

/// The bytes [begin, end) of a text.
struct TextSpan {
  std::size_t begin = 0;
  std::size_t end = 0;

  friend bool operator==(const TextSpan&, const TextSpan&) = default;
};

/// Numbers of payment cards: 13 to 19 digits that begin with 2 to 6, in one piece or in groups with
/// a space, '-' or '.' between them, with a right check digit (Luhn, ISO/IEC 7812-1).
void find_cards(std::string_view text, std::vector<TextSpan>& found);

/// International bank account numbers, in one piece or in groups, with right check digits (ISO
/// 13616).
void find_ibans(std::string_view text, std::vector<TextSpan>& found);

/// IPv4 and IPv6 addresses.
void find_ip_addresses(std::string_view text, std::vector<TextSpan>& found);

}  // namespace yardmaster::env
