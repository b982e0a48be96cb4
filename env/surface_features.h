#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "env/query.h"

namespace yardmaster::env {

/// What a query looks like, whatever it is about: length, share of digits, of capitals, of signs
/// and of other scripts, lines, a question mark, code, mathematics, length of words, turns, and
/// whether tools or JSON are asked for. Every encoder appends them to its own values.
inline constexpr std::size_t kSurfaceDimension = 12;

/// Changes whenever a query's surface features would come out otherwise.
inline constexpr std::uint32_t kSurfaceVersion = 1;

/// Writes kSurfaceDimension finite values, each in [-0.8, 0.8] and about centred for common
/// queries; together their squared norm is about 0.4. Thread-safe, allocates nothing.
void surface_features(const Query& query, std::span<float, kSurfaceDimension> out);

}  // namespace yardmaster::env
