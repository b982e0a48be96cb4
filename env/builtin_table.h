#pragma once

#include <string_view>

namespace yardmaster::env {

/// The bytes of env/assets/static_v1.bin, put into the program by the build, so that the binary
/// runs without its sources.
std::string_view builtin_static_table();

}  // namespace yardmaster::env
