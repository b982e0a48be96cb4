#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace yardmaster {

/// Mixes 64 bits so that nearby inputs give unrelated outputs (the finaliser of SplitMix64,
/// Steele, Lea and Flood 2014).
constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// A seeded stream of random numbers (SplitMix64), the same on every platform, unlike the
/// distributions of <random>. Cheap to make: key one by a block, an epoch or a decision with
/// `Rng(seed, key)` and the numbers do not depend on what was drawn elsewhere.
/// Satisfies UniformRandomBitGenerator. Not for secrets. Not thread-safe.
class Rng {
 public:
  using result_type = std::uint64_t;

  explicit Rng(std::uint64_t seed, std::uint64_t key = 0) : state_(mix64(seed) ^ mix64(~key)) {}

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return ~result_type{0}; }

  result_type operator()() {
    const std::uint64_t out = mix64(state_);
    state_ += 0x9e3779b97f4a7c15ULL;
    return out;
  }

  /// Uniform in [0, 1), with 53 random bits.
  double uniform() { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }

  /// Uniform integer in [0, n); n > 0. The bias is below n / 2^64.
  std::uint64_t below(std::uint64_t n) {
    return static_cast<std::uint64_t>((static_cast<Uint128>((*this)()) * n) >> 64);
  }

  /// Standard normal, by Box and Muller.
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }

 private:
  __extension__ using Uint128 = unsigned __int128;

  std::uint64_t state_;
};

}  // namespace yardmaster
