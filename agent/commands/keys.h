#pragma once

namespace CLI {
class App;
}

namespace yardmaster::agent {

/// `yardmaster keys add | list | revoke`: API keys in a data directory, while a daemon runs or not.
void add_keys(CLI::App& app, int& exit_code);

}  // namespace yardmaster::agent
