#include "env/hash_encoder.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/random.h"
#include "env/surface_features.h"

namespace yardmaster::env {
namespace {

/// Changes whenever this file would give other values.
constexpr std::uint32_t kCodeVersion = 1;

constexpr std::size_t kHashDimension = 64;
static_assert((kHashDimension & (kHashDimension - 1)) == 0);

constexpr float kPairWeight = 0.5f;
constexpr float kSquaredNorm = 0.5f;  // the surface features bring the rest to about 1

constexpr bool is_word_byte(unsigned char byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= 'a' && byte <= 'z') || byte >= 0x80;
}

constexpr unsigned char lower(unsigned char byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<unsigned char>(byte | 0x20) : byte;
}

void add(std::uint64_t hash, float weight, std::span<float> out) {
  out[hash & (kHashDimension - 1)] += (hash >> 63) != 0 ? weight : -weight;
}

/// Calls `each` with a hash of every word and of every sign.
template <class Each>
void for_each_word(std::string_view text, Each each) {
  constexpr std::uint64_t kOffset = 0xcbf29ce484222325ULL;
  constexpr std::uint64_t kPrime = 0x100000001b3ULL;
  std::uint64_t hash = kOffset;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (is_word_byte(byte)) {
      hash = (hash ^ lower(byte)) * kPrime;
      continue;
    }
    if (hash != kOffset) each(mix64(hash));
    hash = kOffset;
    if (byte > ' ') each(mix64((kOffset ^ byte) * kPrime));
  }
  if (hash != kOffset) each(mix64(hash));
}

}  // namespace

std::uint32_t HashEncoder::version() const {
  return static_cast<std::uint32_t>(mix64((std::uint64_t{kCodeVersion} << 16) | kSurfaceVersion));
}

std::size_t HashEncoder::dimension() const { return kHashDimension + kSurfaceDimension; }

void HashEncoder::encode(const Query& query, std::span<float> out) const {
  const std::span<float> values = out.first(kHashDimension);
  std::fill(values.begin(), values.end(), 0.0f);
  std::uint64_t previous = 0;
  for_each_word(query.text, [&](std::uint64_t word) {
    add(word, 1, values);
    if (previous != 0) add(mix64(previous * 3 + word), kPairWeight, values);
    previous = word;
  });
  float squared_norm = 0;
  for (const float value : values) squared_norm += value * value;
  const float scale = squared_norm > 0 ? std::sqrt(kSquaredNorm / squared_norm) : 0;
  for (float& value : values) value *= scale;
  surface_features(query, out.last<kSurfaceDimension>());
}

}  // namespace yardmaster::env
