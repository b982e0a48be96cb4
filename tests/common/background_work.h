#pragma once

#include "base/background_work.h"
#include "tests/common/eventually.h"

namespace yardmaster::test {

/// Waits until there is none; false if there is some for 20 s.
inline bool ends(const BackgroundWork& work) {
  return eventually([&] { return !work.under_way(); });
}

}  // namespace yardmaster::test
