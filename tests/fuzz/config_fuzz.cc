// The YAML config.

#include "agent/config.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;

namespace {

std::optional<std::string> environment(std::string_view name) {
  if (name == "SET") return "value";
  return std::nullopt;
}

}  // namespace

FUZZ(config) {
  const auto config = agent::parse_config(input, "fuzz.yaml", environment);
  if (!config) {
    require(config.error().message.starts_with("fuzz.yaml"), "a refusal names the file");
    return;
  }
  if (!config->keys.empty()) return;  // their hashes are hidden, which no config may have
  const std::string printed = agent::resolved_yaml(*config);
  const auto again = agent::parse_config(printed, "resolved", environment);
  require(again.has_value(), "a resolved config is a config");
  require(agent::resolved_yaml(*again) == printed, "and resolves to itself");
}
