#include "env/compute_threads.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

namespace yardmaster::env {

void use_one_compute_thread() {
  at::set_num_threads(1);
  // LibTorch loads it, or another library for linear algebra, so that it is not linked; a weak
  // reference would stay null.
  using SetThreads = void (*)(int);
  const auto set_threads =
      reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
  if (set_threads != nullptr) set_threads(1);
}

}  // namespace yardmaster::env
