#include "agent/commands/serve.h"

#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>
#include <memory>
#include <string>

#include "agent/config.h"
#include "agent/daemon.h"
#include "agent/logging.h"

namespace yardmaster::agent {
namespace {

constexpr std::chrono::seconds kDrainGrace{20};

sigset_t shutdown_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  return signals;
}

int serve(const std::string& config_file) {
  const auto config = config_file.empty() ? Result<Config>(default_config())
                                          : load_config(config_file);
  if (!config) {
    std::cerr << config.error().message << '\n';
    return 1;
  }
  set_up_logging(config->logging);
  // Blocked before any thread starts, so that all inherit it and only sigwait below takes them.
  const sigset_t signals = shutdown_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  auto daemon = Daemon::start(*config);
  if (!daemon) {
    spdlog::error("{}", daemon.error().message);
    return 1;
  }
  spdlog::info("listening on {}:{}", config->listen.address, (*daemon)->port());
  int signal = 0;
  do {
    sigwait(&signals, &signal);
    if (signal == SIGHUP) {
      spdlog::warn("SIGHUP: reloading the config is not supported yet; restart to apply changes");
    }
  } while (signal == SIGHUP);
  spdlog::info("signal {}: draining", signal);
  (*daemon)->stop(kDrainGrace);
  spdlog::info("stopped");
  return 0;
}

}  // namespace

void add_serve(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("serve", "Run the daemon until SIGTERM");
  command->footer("Example: yardmaster serve --config configs/demo.yaml");
  auto config_file = std::make_shared<std::string>();
  command->add_option("--config", *config_file,
                      "YAML file; without it, the embedded demo: simulated models on loopback");
  command->callback([config_file, &exit_code] { exit_code = serve(*config_file); });
}

}  // namespace yardmaster::agent
