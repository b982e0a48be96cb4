#include "env/surface_features.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace yardmaster::env {
namespace {

enum Kind : unsigned { digit, upper, sign, foreign, newline, space, question, formula, kinds };

/// One byte lane a kind: adding the entries of many bytes counts all kinds at once.
constexpr std::array<std::uint64_t, 256> kLanes = [] {
  std::array<std::uint64_t, 256> lanes{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto mark = [&](Kind kind) { lanes[byte] |= std::uint64_t{1} << (8 * kind); };
    const bool is_digit = byte >= '0' && byte <= '9';
    const bool is_upper = byte >= 'A' && byte <= 'Z';
    const bool is_lower = byte >= 'a' && byte <= 'z';
    if (is_digit) mark(digit);
    if (is_upper) mark(upper);
    if (byte > ' ' && byte < 0x7f && !is_digit && !is_upper && !is_lower) mark(sign);
    if (byte >= 0x80) mark(foreign);
    if (byte == '\n') mark(newline);
    if (byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r') mark(space);
    if (byte == '?') mark(question);
    if (byte == '\\' || byte == '$' || byte == '^' || byte == '=') mark(formula);
  }
  return lanes;
}();

std::array<double, kinds> count(std::string_view text) {
  constexpr std::size_t kBlock = 255;  // more could overflow a lane
  std::array<double, kinds> counts{};
  for (std::size_t begin = 0; begin < text.size(); begin += kBlock) {
    std::uint64_t sum = 0;
    for (const char byte : text.substr(begin, kBlock)) {
      sum += kLanes[static_cast<unsigned char>(byte)];
    }
    for (unsigned kind = 0; kind < kinds; ++kind) {
      counts[kind] += static_cast<double>((sum >> (8 * kind)) & 0xff);
    }
  }
  return counts;
}

}  // namespace

void surface_features(const Query& query, std::span<float, kSurfaceDimension> out) {
  // Each value is centred by what is usual for questions to language models and scaled to a
  // deviation of about a half, then all by kScale, which sets their weight against the encoder's.
  constexpr double kScale = 0.4;
  const std::array<double, kinds> counts = count(query.text);
  const double bytes = std::max<double>(1, static_cast<double>(query.text.size()));
  const auto share = [&](Kind kind, double steepness) {
    return std::tanh(steepness * counts[kind] / bytes);
  };
  const double word_length = (bytes - counts[space]) / (counts[space] + 1);
  const std::array<double, kSurfaceDimension> values = {
      (std::log(static_cast<double>(query.prompt_bytes) + 16) - 6) / 1.2,
      share(digit, 12) - 0.25,
      share(upper, 12) - 0.35,
      share(sign, 8) - 0.38,
      share(foreign, 5) - 0.02,
      std::log1p(counts[newline]) - 1.3,
      (counts[question] > 0 ? 1 : 0) - 0.55,
      (query.has_code ? 1 : 0) - 0.1,
      (counts[formula] > 0 ? 1 : 0) - 0.3,
      (word_length - 5.3) / 2,
      std::log(static_cast<double>(std::max(1u, query.turns))) / 2 - 0.2,
      (query.has_tools || query.wants_json ? 1 : 0) - 0.1,
  };
  for (std::size_t i = 0; i < kSurfaceDimension; ++i) {
    out[i] = static_cast<float>(kScale * std::clamp(values[i], -2.0, 2.0));
  }
}

}  // namespace yardmaster::env
