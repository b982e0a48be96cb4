#include "base/failpoint.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

namespace yardmaster {
namespace {

struct Armed {
  std::string name;
  long passes = 0;
};

/// Read once, before main.
Armed read_environment() {
  const char* text = std::getenv("YARDMASTER_FAILPOINT");
  const std::string_view setting = text == nullptr ? "" : text;
  const std::size_t colon = setting.rfind(':');
  if (colon == std::string_view::npos) return {};
  const std::string passes(setting.substr(colon + 1));
  return {std::string(setting.substr(0, colon)), std::strtol(passes.c_str(), nullptr, 10)};
}

const Armed armed = read_environment();
std::atomic<long> passed{0};

}  // namespace

namespace detail {

const bool failpoint_is_set = !armed.name.empty() && armed.passes > 0;

void pass_failpoint(std::string_view name) {
  if (name == armed.name && ++passed == armed.passes) std::raise(SIGKILL);
}

}  // namespace detail

}  // namespace yardmaster
