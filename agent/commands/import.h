#pragma once

namespace CLI {
class App;
}

namespace yardmaster::agent {

/// Adds `yardmaster import`: exported decisions into the data directory of a stopped daemon.
void add_import(CLI::App& app, int& exit_code);

}  // namespace yardmaster::agent
