#pragma once

#include <string>
#include <string_view>

namespace yardmaster::env {

/// SHA-256 (FIPS 180-4) in lower-case hex.
std::string sha256_hex(std::string_view bytes);

}  // namespace yardmaster::env
