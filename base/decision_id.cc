#include "base/decision_id.h"

#include <cstring>

namespace yardmaster {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool dash_at(std::size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

}  // namespace

DecisionId DecisionId::make(Timestamp time, Rng& rng) {
  std::array<std::uint8_t, 16> bytes{};
  const auto millis = static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count());
  for (std::size_t i = 0; i < 6; ++i) bytes[i] = static_cast<std::uint8_t>(millis >> (40 - 8 * i));
  const std::uint64_t high = rng();
  const std::uint64_t low = rng();
  bytes[6] = static_cast<std::uint8_t>(0x70 | (high & 0x0f));
  bytes[7] = static_cast<std::uint8_t>(high >> 8);
  std::memcpy(&bytes[8], &low, 8);
  bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3f));
  return DecisionId(bytes);
}

Result<DecisionId> DecisionId::parse(std::string_view text) {
  const auto bad = [&] {
    return fail(ErrorCode::invalid_argument,
                "decision id '" + std::string(text.substr(0, 64)) +
                    "' is not a UUID; send the decision_id of a route or chat answer");
  };
  if (text.size() != 36) return bad();
  std::array<std::uint8_t, 16> bytes{};
  std::size_t nibble = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (dash_at(i)) {
      if (text[i] != '-') return bad();
      continue;
    }
    const int value = hex_value(text[i]);
    if (value < 0) return bad();
    bytes[nibble / 2] = static_cast<std::uint8_t>(bytes[nibble / 2] << 4 | value);
    ++nibble;
  }
  return DecisionId(bytes);
}

std::string DecisionId::str() const {
  const auto characters = text();
  return {characters.data(), characters.size()};
}

std::array<char, 36> DecisionId::text() const {
  std::array<char, 36> out;
  std::size_t size = 0;
  for (const std::uint8_t byte : bytes_) {
    if (dash_at(size)) out[size++] = '-';
    out[size++] = kHexDigits[byte >> 4];
    out[size++] = kHexDigits[byte & 0x0f];
  }
  return out;
}

std::size_t DecisionIdHash::operator()(const DecisionId& id) const {
  std::size_t value;
  std::memcpy(&value, id.bytes().data() + 8, sizeof value);
  return value;
}

}  // namespace yardmaster
