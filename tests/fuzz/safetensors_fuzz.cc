// Files of network weights.

#include <array>
#include <cmath>

#include "env/safetensors.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;

FUZZ(safetensors) {
  const auto file = env::Safetensors::parse(std::string(input), "fuzz");
  if (!file) return;
  for (const char* name : {"a", "b", "c"}) {
    if (!file->contains(name)) continue;
    for (std::uint64_t rows = 0; rows < 5; ++rows) {
      for (std::uint64_t columns = 0; columns < 5; ++columns) {
        const std::array shape{rows, columns};
        for (const std::size_t dimensions : {0, 1, 2}) {
          const auto values = file->floats(name, std::span(shape).first(dimensions));
          if (!values) continue;
          for (const float value : *values) require(std::isfinite(value), "values are finite");
        }
      }
    }
  }
}
