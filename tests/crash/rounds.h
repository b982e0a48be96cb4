#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>

namespace yardmaster::crash {

/// How often a test crashes what it tests: as often as suits every change, or as
/// YARDMASTER_CRASH_ROUNDS says (./scripts/nightly).
inline int rounds(int usual) {
  const char* text = std::getenv("YARDMASTER_CRASH_ROUNDS");
  const long asked = text == nullptr ? 0 : std::strtol(text, nullptr, 10);
  return asked > 0 ? static_cast<int>(asked) : usual;
}

/// What the moments and the damage are drawn by: `usual`, so that every change meets the same, or
/// another one each time where rounds are asked for. A failing test prints it;
/// YARDMASTER_CRASH_SEED sets it.
inline std::uint64_t seed(std::uint64_t usual) {
  if (const char* text = std::getenv("YARDMASTER_CRASH_SEED")) {
    return std::strtoull(text, nullptr, 10);
  }
  return std::getenv("YARDMASTER_CRASH_ROUNDS") == nullptr ? usual : std::random_device{}();
}

}  // namespace yardmaster::crash
