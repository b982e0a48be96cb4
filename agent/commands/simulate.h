#pragma once

namespace CLI {
class App;
}

namespace yardmaster::agent {

/// Adds `yardmaster simulate`: replays a data set as an environment and compares policies. Exit
/// code 1 when the data or the encoder cannot be had, 2 when the call is wrong.
void add_simulate(CLI::App& app, int& exit_code);

}  // namespace yardmaster::agent
