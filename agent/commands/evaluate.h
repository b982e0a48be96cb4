#pragma once

namespace CLI {
class App;
}

namespace yardmaster::agent {

/// Adds `evaluate`: what a policy would have got on logged decisions. Leaves the exit status in
/// `exit_code`.
void add_evaluate(CLI::App& app, int& exit_code);

}  // namespace yardmaster::agent
