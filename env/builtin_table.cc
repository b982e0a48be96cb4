#include "env/builtin_table.h"

#include <cstddef>

// YARDMASTER_STATIC_TABLE is the path of the file, which the build gives to this file alone.
asm(".pushsection .rodata\n"
    ".balign 16\n"
    "yardmaster_static_table_begin:\n"
    ".incbin \"" YARDMASTER_STATIC_TABLE
    "\"\n"
    "yardmaster_static_table_end:\n"
    ".popsection\n");

extern "C" {
extern const char yardmaster_static_table_begin[];
extern const char yardmaster_static_table_end[];
}

namespace yardmaster::env {

std::string_view builtin_static_table() {
  return {yardmaster_static_table_begin,
          static_cast<std::size_t>(yardmaster_static_table_end - yardmaster_static_table_begin)};
}

}  // namespace yardmaster::env
