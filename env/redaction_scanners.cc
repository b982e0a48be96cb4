#include "env/redaction_scanners.h"

#include <arpa/inet.h>

#include <algorithm>
#include <string>

namespace yardmaster::env {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) { return is_digit(c) || is_letter(c) || c == '_'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_separator(char c) { return c == ' ' || c == '-' || c == '.'; }

/// A number as it is written: its characters without what separates groups, and for each how far
/// the text has come with it.
struct Grouped {
  std::string characters;
  std::vector<std::size_t> ends;
};

/// Up to `most` characters from `at` on that `belongs` takes, single separators between them.
template <class Belongs>
Grouped gather(std::string_view text, std::size_t at, std::size_t most, Belongs belongs) {
  Grouped out;
  while (at < text.size() && out.characters.size() < most) {
    if (!belongs(text[at])) {
      const bool goes_on = is_separator(text[at]) && at + 1 < text.size() && belongs(text[at + 1]);
      if (!goes_on) break;
      ++at;
    }
    out.characters.push_back(text[at++]);
    out.ends.push_back(at);
  }
  return out;
}

/// The end of the longest number in `number` of at least `least` characters that ends where a group
/// does and passes `check`; 0: there is none.
template <class Belongs, class Check>
std::size_t longest(std::string_view text, const Grouped& number, std::size_t least,
                    Belongs belongs, Check check) {
  for (std::size_t size = number.characters.size(); size >= least; --size) {
    const std::size_t end = number.ends[size - 1];
    if (end < text.size() && belongs(text[end])) continue;
    if (check(std::string_view(number.characters).substr(0, size))) return end;
  }
  return 0;
}

bool has_luhn_digit(std::string_view digits) {
  int sum = 0;
  bool doubled = false;
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, doubled = !doubled) {
    const int value = (*digit - '0') * (doubled ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 == 0;
}

/// The country and the check digits count last, letters from A = 10 on; the rest must be 1.
bool has_iban_digits(std::string_view number) {
  unsigned rest = 0;
  for (std::size_t i = 0; i < number.size(); ++i) {
    const char c = number[(i + 4) % number.size()];
    if (is_digit(c)) {
      rest = (rest * 10 + static_cast<unsigned>(c - '0')) % 97;
    } else {
      const char upper = c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
      rest = (rest * 100 + static_cast<unsigned>(upper - 'A' + 10)) % 97;
    }
  }
  return rest == 1;
}

bool begins_iban(std::string_view text, std::size_t at) {
  return at + 4 <= text.size() && is_letter(text[at]) && is_letter(text[at + 1]) &&
         is_digit(text[at + 2]) && is_digit(text[at + 3]);
}

bool parses(int family, std::string_view address) {
  unsigned char bytes[16];
  return ::inet_pton(family, std::string(address).c_str(), bytes) == 1;
}

/// "std::abs" and "12:30" are no addresses; nor is "a::b", which could be one.
bool is_ipv6(std::string_view address) {
  const auto colons = std::count(address.begin(), address.end(), ':');
  const bool has_digit = std::any_of(address.begin(), address.end(), is_digit);
  return colons >= 2 && (has_digit || colons > 2) && parses(AF_INET6, address);
}

/// A '.' or ':' that its neighbour does not repeat, as "::" does.
bool is_lone_punctuation(std::string_view text, std::size_t at, std::size_t neighbour) {
  if (text[at] != '.' && text[at] != ':') return false;
  return neighbour >= text.size() || text[neighbour] != text[at];
}

/// Finds each run of characters that `belongs` takes and that is no part of a word, and in it, but
/// for punctuation at its ends, what `is_address` takes.
template <class Belongs, class IsAddress>
void find_runs(std::string_view text, std::vector<TextSpan>& found, Belongs belongs,
               IsAddress is_address) {
  constexpr std::size_t kLongest = 45;  // an IPv4 address inside an IPv6 one
  for (std::size_t at = 0; at < text.size();) {
    std::size_t begin = at;
    std::size_t end = at;
    while (end < text.size() && belongs(text[end])) ++end;
    at = std::max(at + 1, end);
    if (begin < end && is_lone_punctuation(text, begin, begin + 1)) ++begin;
    if (begin < end && is_lone_punctuation(text, end - 1, end - 2)) --end;
    const bool in_a_word =
        (begin > 0 && is_word(text[begin - 1])) || (end < text.size() && is_word(text[end]));
    if (in_a_word || end - begin > kLongest) continue;
    if (is_address(text.substr(begin, end - begin))) found.push_back({begin, end});
  }
}

}  // namespace

void find_cards(std::string_view text, std::vector<TextSpan>& found) {
  constexpr std::size_t kShortest = 13;
  constexpr std::size_t kLongest = 19;
  for (std::size_t at = 0; at < text.size();) {
    const bool begins = text[at] >= '2' && text[at] <= '6' && (at == 0 || !is_digit(text[at - 1]));
    const std::size_t end = begins ? longest(text, gather(text, at, kLongest, is_digit), kShortest,
                                             is_digit, has_luhn_digit)
                                   : 0;
    if (end > 0) found.push_back({at, end});
    ++at;  // what a longer number hides may be one too
  }
}

void find_ibans(std::string_view text, std::vector<TextSpan>& found) {
  constexpr std::size_t kShortest = 15;
  constexpr std::size_t kLongest = 34;
  const auto belongs = [](char c) { return is_digit(c) || is_letter(c); };
  for (std::size_t at = 0; at < text.size();) {
    const bool begins = begins_iban(text, at) && (at == 0 || !is_word(text[at - 1]));
    const std::size_t end = begins ? longest(text, gather(text, at, kLongest, belongs), kShortest,
                                             belongs, has_iban_digits)
                                   : 0;
    if (end > 0) found.push_back({at, end});
    at = std::max(at + 1, end);
  }
}

void find_ip_addresses(std::string_view text, std::vector<TextSpan>& found) {
  find_runs(
      text, found, [](char c) { return is_digit(c) || c == '.'; },
      [](std::string_view run) { return parses(AF_INET, run); });
  find_runs(
      text, found, [](char c) { return is_hex(c) || c == '.' || c == ':'; }, is_ipv6);
}

}  // namespace yardmaster::env
