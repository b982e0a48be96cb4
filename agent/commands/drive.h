#pragma once

namespace CLI {
class App;
}

namespace yardmaster::agent {

/// Adds `yardmaster drive`: sends queries to a running daemon over HTTP, tells it what came of
/// them, and says how well it chose. Exit code 1 when anything was lost or failed.
void add_drive(CLI::App& app, int& exit_code);

}  // namespace yardmaster::agent
