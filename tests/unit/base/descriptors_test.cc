#include "base/descriptors.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace yardmaster {
namespace {

/// How many descriptors the kernel's table has room for.
std::size_t table_size() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t size = 0;
    if (word == "FDSize:" && status >> size) return size;
  }
  return 0;
}

TEST(Descriptors, ReservingMakesRoomAndLeavesNothingOpen) {
  const std::size_t wanted = std::min<std::size_t>(raise_descriptor_limit(), 65'536);
  reserve_descriptors();
  EXPECT_GE(table_size(), wanted);
  EXPECT_EQ(::fcntl(static_cast<int>(wanted) - 1, F_GETFD), -1);
}

}  // namespace
}  // namespace yardmaster
