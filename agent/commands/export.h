#pragma once

namespace CLI {
class App;
}

namespace yardmaster::agent {

/// Adds `yardmaster export`: the decisions of a data directory as JSON lines, also while a daemon
/// writes it.
void add_export(CLI::App& app, int& exit_code);

}  // namespace yardmaster::agent
