#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <iostream>
#include <string_view>

#include "agent/commands/check_config.h"
#include "agent/commands/distill_encoder.h"
#include "agent/commands/drive.h"
#include "agent/commands/evaluate.h"
#include "agent/commands/export.h"
#include "agent/commands/import.h"
#include "agent/commands/keys.h"
#include "agent/commands/serve.h"
#include "agent/commands/simulate.h"
#include "agent/commands/warm_start.h"

namespace {

bool is_command(const CLI::App& app, std::string_view name) {
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  return std::any_of(commands.begin(), commands.end(),
                     [&](const CLI::App* command) { return command->get_name() == name; });
}

}  // namespace

int main(int argc, char** argv) {
  using namespace yardmaster::agent;
  std::signal(SIGPIPE, SIG_IGN);  // a write to who has left fails, and is handled where it does
  CLI::App app("Yardmaster: routes each LLM query to the model that serves it best for its price");
  app.set_version_flag("--version", YARDMASTER_VERSION);
  app.require_subcommand(1);
  app.footer("Example: yardmaster serve --config configs/demo.yaml");
  int exit_code = 0;
  add_serve(app, exit_code);
  add_check_config(app, exit_code);
  add_warm_start(app, exit_code);
  add_simulate(app, exit_code);
  add_evaluate(app, exit_code);
  add_drive(app, exit_code);
  add_distill_encoder(app, exit_code);
  add_export(app, exit_code);
  add_import(app, exit_code);
  add_keys(app, exit_code);
  if (argc > 1 && argv[1][0] != '-' && !is_command(app, argv[1])) {
    std::cerr << "yardmaster: there is no command '" << argv[1] << "'; see yardmaster --help\n";
    return 2;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (!std::cout.flush()) {
    std::cerr << "yardmaster: the output could not be written; is the disk full?\n";
    return exit_code == 0 ? 1 : exit_code;
  }
  return exit_code;
}
