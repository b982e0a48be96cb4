#pragma once

namespace CLI {
class App;
}

namespace yardmaster::agent {

/// Adds `yardmaster serve`: the daemon, until SIGTERM or SIGINT, when it drains and exits with 0.
void add_serve(CLI::App& app, int& exit_code);

}  // namespace yardmaster::agent
