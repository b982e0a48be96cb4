#pragma once

namespace CLI {
class App;
}

namespace yardmaster::agent {

/// Adds `yardmaster check-config FILE`: prints the config with all defaults and without secrets to
/// standard output, or, with exit code 1, everything that is wrong with it to standard error.
void add_check_config(CLI::App& app, int& exit_code);

}  // namespace yardmaster::agent
