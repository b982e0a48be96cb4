#include "env/compute_threads.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

namespace yardmaster::env {
namespace {

TEST(ComputeThreads, OpenBlasKeepsToOne) {
  use_one_compute_thread();
  const auto threads = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "openblas_get_num_threads"));
  if (threads == nullptr) GTEST_SKIP() << "LibTorch has another library for linear algebra here";
  EXPECT_EQ(threads(), 1);
}

}  // namespace
}  // namespace yardmaster::env
