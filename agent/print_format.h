#pragma once

#include <cstdio>
#include <string>

namespace yardmaster::agent {

/// printf into a string of at most 255 bytes: tables by iostreams would need eight manipulators a
/// line.
template <class... Values>
std::string format(const char* pattern, Values... values) {
  char line[256];
  std::snprintf(line, sizeof line, pattern, values...);
  return line;
}

}  // namespace yardmaster::agent
