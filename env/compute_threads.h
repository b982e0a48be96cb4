#pragma once

namespace yardmaster::env {

/// Fixes LibTorch and OpenBLAS to one thread for the whole process: more are slower at our sizes,
/// take the cores from those that serve, and sums would depend on their number. Any thread, before
/// the first product.
void use_one_compute_thread();

}  // namespace yardmaster::env
