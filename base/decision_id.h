#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"

namespace yardmaster {

/// Names one decision. A UUID of version 7 (RFC 9562): the first 48 bits are the time in
/// milliseconds, so ids sort by time and land near each other on disk; the rest is random.
class DecisionId {
 public:
  /// The nil id, which no decision has.
  DecisionId() = default;

  /// A new id for a decision made at `time`.
  static DecisionId make(Timestamp time, Rng& rng);

  /// Reads the 36-character text form.
  static Result<DecisionId> parse(std::string_view text);

  static DecisionId from_bytes(std::array<std::uint8_t, 16> bytes) { return DecisionId(bytes); }

  /// The 36-character lower-case text form.
  std::string str() const;
  std::array<char, 36> text() const;

  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }

  friend auto operator<=>(const DecisionId&, const DecisionId&) = default;

 private:
  explicit DecisionId(std::array<std::uint8_t, 16> bytes) : bytes_(bytes) {}

  std::array<std::uint8_t, 16> bytes_{};
};

/// Hashes by the id's random half.
struct DecisionIdHash {
  std::size_t operator()(const DecisionId& id) const;
};

}  // namespace yardmaster
