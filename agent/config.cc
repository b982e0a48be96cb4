#include "agent/config.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "agent/config_checks.h"
#include "agent/config_problems.h"
#include "agent/config_reader.h"
#include "agent/data_directory.h"
#include "agent/demo_config.h"
#include "agent/keys/key_file.h"

namespace yardmaster::agent {
namespace {

std::optional<std::string> process_environment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

/// Fills in what follows from other keys.
void resolve(Config& config) {
  for (RouterConfig& router : config.routers) {
    if (router.baseline.empty()) router.baseline = config.models.front().name;
  }
  if (config.objective.metrics.empty()) {
    config.objective.metrics.push_back({config.feedback.metrics.front().name, 1});
  }
}

}  // namespace

Result<Config> parse_config(std::string_view text, std::string_view name,
                            const EnvironmentLookup& environment,
                            const MadeKeysLookup& has_made_keys) {
  Config config;
  Problems problems;
  if (read_config(text, environment, problems, config)) {
    const bool made = has_made_keys && has_made_keys(config.data_dir);
    check_config(config, made, problems);
  }
  if (!problems.empty()) return fail(ErrorCode::invalid_argument, problems.report(name));
  resolve(config);
  return config;
}

namespace {

Result<Config> load(const std::string& path, const MadeKeysLookup& has_made_keys) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  const bool empty = file && file.peek() == std::ifstream::traits_type::eof();
  if (!file || (!empty && !(text << file.rdbuf()))) {
    return fail(ErrorCode::io, "cannot read the config '" + path +
                                   "'; check that it is a file that this user may read");
  }
  return parse_config(text.view(), path, process_environment, has_made_keys);
}

}  // namespace

Result<Config> load_config(const std::string& path) {
  return load(path, [](const std::string& data_dir) {
    const auto keys = KeyFile(DataDirectory{data_dir}.keys()).read();
    return !keys || !keys->empty();  // damaged ones stop the start, with their own message
  });
}

Result<Config> load_config_for_keys(const std::string& path) {
  return load(path, [](const std::string&) { return true; });
}

Config default_config() {
  return parse_config(kDemoConfig, "the built-in demo", process_environment).value();
}

}  // namespace yardmaster::agent
