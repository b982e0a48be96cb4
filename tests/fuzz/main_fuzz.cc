// libFuzzer's entry for the one target that is linked with it.

#include <cstddef>
#include <cstdint>

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  yardmaster::fuzz::targets().front().run({reinterpret_cast<const char*>(data), size});
  return 0;
}
