#include "agent/commands/serve.h"

#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <functional>
#include <iostream>
#include <memory>
#include <string>

#include "agent/config.h"
#include "agent/daemon.h"
#include "agent/logging.h"

namespace yardmaster::agent {
namespace {

constexpr std::chrono::seconds kDrainGrace{20};

/// Waits for SIGTERM or SIGINT. By a handler rather than a blocked mask: libraries start threads
/// before main, which would take a signal that is blocked only here.
class ShutdownSignal {
 public:
  ShutdownSignal() : signals_(io_, SIGTERM, SIGINT, SIGHUP) {}

  int wait() {
    int received = 0;
    std::function<void(boost::system::error_code, int)> on_signal = [&](boost::system::error_code,
                                                                        int signal) {
      if (signal == SIGHUP) {
        spdlog::warn("SIGHUP: the config is read at the start only; restart to apply changes");
        signals_.async_wait(on_signal);
      } else {
        received = signal;
      }
    };
    signals_.async_wait(on_signal);
    io_.run();
    return received;
  }

 private:
  boost::asio::io_context io_;
  boost::asio::signal_set signals_;
};

int serve(const std::string& config_file) {
  const auto config =
      config_file.empty() ? Result<Config>(default_config()) : load_config(config_file);
  if (!config) {
    std::cerr << config.error().message << '\n';
    return 1;
  }
  set_up_logging(config->logging);
  ShutdownSignal shutdown;
  std::signal(SIGPIPE, SIG_IGN);

  auto daemon = Daemon::start(*config);
  if (!daemon) {
    spdlog::error("{}", daemon.error().message);
    return 1;
  }
  spdlog::info("listening on {}:{}", config->listen.address, (*daemon)->port());
  if (config->keys.empty()) {
    spdlog::warn("no keys in the config: whoever reaches this address may use it");
  }
  const int signal = shutdown.wait();
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
