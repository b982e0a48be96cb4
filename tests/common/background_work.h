#pragma once

#include <chrono>
#include <thread>

#include "base/background_work.h"

namespace yardmaster::test {

/// Waits until there is none; false if there is some for 20 s.
inline bool ends(const BackgroundWork& work) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (work.under_way()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace yardmaster::test
