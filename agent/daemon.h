#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/config.h"
#include "base/result.h"

namespace rocksdb {
class Env;
}

namespace yardmaster::agent {

struct DaemonOptions {
  /// The file system under the store, nullptr the operating system's; it outlives the daemon.
  rocksdb::Env* store_env = nullptr;

  /// Ends a start that takes long, with unavailable; what was learned is kept.
  std::stop_token stop;

  /// Reads the config anew, for reloads; none: a reload is refused.
  std::function<Result<Config>()> read_config;
};

/// The running daemon: one store, and a generation that serves by the config.
class Daemon {
 public:
  /// Opens the data directory, brings the learners up to date, and serves. Fails with what the
  /// part that could not start says; nothing then keeps running.
  static Result<std::unique_ptr<Daemon>> start(const Config& config, DaemonOptions options = {});

  virtual ~Daemon() = default;

  /// Where it listens (the config may say port 0).
  virtual std::uint16_t port() const = 0;

  /// Whether it answers everyone: there were no keys so far.
  virtual bool open() const = 0;

  /// Reads the config anew and serves by it from here on: a new generation takes over the listening
  /// socket and what was learned, while the old one finishes its requests. Returns and logs how the
  /// configs differ. Any thread. Where it fails everything goes on as it was: a config that cannot
  /// be read or used, or that changes what only a restart can.
  virtual Result<std::vector<std::string>> reload() = 0;

  /// Drains: /readyz says 503, requests under way finish (for up to `grace`), then everything
  /// stops in order and a last snapshot is saved. Blocks; safe to repeat.
  virtual void stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace yardmaster::agent
