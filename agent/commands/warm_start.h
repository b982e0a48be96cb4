#pragma once

namespace CLI {
class App;
}

namespace yardmaster::agent {

/// Adds `yardmaster warm-start`: training rows from a log into the data directory of a stopped
/// daemon, learned into a snapshot at once.
void add_warm_start(CLI::App& app, int& exit_code);

}  // namespace yardmaster::agent
