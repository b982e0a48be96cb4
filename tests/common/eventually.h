#pragma once

#include <chrono>
#include <thread>

namespace yardmaster::test {

/// Asks again and again until the condition holds; false if it does not within 20 s.
template <class Condition>
bool eventually(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace yardmaster::test
