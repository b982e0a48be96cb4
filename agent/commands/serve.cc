#include "agent/commands/serve.h"

#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <iostream>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "agent/config.h"
#include "agent/daemon.h"
#include "agent/logging.h"
#include "base/descriptors.h"
#include "base/this_thread.h"

namespace yardmaster::agent {
namespace {

constexpr std::chrono::seconds kDrainGrace{20};

/// Takes signals on a thread of its own, so that SIGTERM ends a long start too. By a handler rather
/// than a blocked mask: libraries start threads before main, which would take a signal that is
/// blocked only here.
class Signals {
 public:
  Signals() : signals_(io_, SIGTERM, SIGINT, SIGHUP) {
    await_signal();
    thread_ = std::thread([this] {
      name_this_thread("signals");
      io_.run();
    });
  }
  ~Signals() {
    io_.stop();
    thread_.join();
  }

  /// Asked to stop by SIGTERM or SIGINT.
  std::stop_token stop() const { return stop_.get_token(); }

  /// Waits for the next signal and returns it.
  int next() {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [this] { return !pending_.empty(); });
    const int signal = pending_.front();
    pending_.pop_front();
    return signal;
  }

 private:
  void await_signal() {
    signals_.async_wait([this](boost::system::error_code error, int signal) {
      if (error) return;
      if (signal != SIGHUP) stop_.request_stop();
      {
        const std::lock_guard lock(mutex_);
        pending_.push_back(signal);
      }
      came_.notify_one();
      await_signal();
    });
  }

  boost::asio::io_context io_;
  boost::asio::signal_set signals_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<int> pending_;  // guarded by mutex_
  std::thread thread_;
};

void reload(Daemon& daemon) {
  if (const auto changes = daemon.reload(); !changes) {
    spdlog::error("SIGHUP: {}; the config of before serves on", changes.error().message);
  }
}

/// Says so where the system gives too few for the connections that the config allows.
void provide_descriptors(const Config& config) {
  const std::size_t limit = raise_descriptor_limit();
  const std::size_t clients = share_descriptors(limit).clients;
  const std::size_t wanted = std::size_t{config.limits.max_connections} * config.listen.io_threads;
  if (clients < wanted) {
    spdlog::warn(
        "at most {} connections in place of {} (limits.max_connections, of each io thread), since "
        "the system allows {} open files; raise that (ulimit -n, LimitNOFILE)",
        clients, wanted, limit);
  }
}

int serve(const std::string& config_file) {
  const auto config =
      config_file.empty() ? Result<Config>(default_config()) : load_config(config_file);
  if (!config) {
    std::cerr << config.error().message << '\n';
    return 1;
  }
  set_up_logging(config->logging);
  provide_descriptors(*config);
  Signals signals;
  DaemonOptions options;
  options.stop = signals.stop();
  if (!config_file.empty())
    options.read_config = [config_file] { return load_config(config_file); };
  auto daemon = Daemon::start(*config, std::move(options));
  if (!daemon && signals.stop().stop_requested()) {
    spdlog::info("stopped before the start was done; the next one goes on from here");
    return 0;
  }
  if (!daemon) {
    spdlog::error("{}", daemon.error().message);
    return 1;
  }
  spdlog::info("listening on {}:{}", config->listen.address, (*daemon)->port());
  if ((*daemon)->open()) {
    spdlog::warn("there are no keys: whoever reaches this address may use it");
  }
  reserve_descriptors();  // takes time that a start should not wait for
  int signal = signals.next();
  for (; signal == SIGHUP; signal = signals.next()) reload(**daemon);
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
