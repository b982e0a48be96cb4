#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "agent/config.h"
#include "base/result.h"

namespace rocksdb {
class Env;
}

namespace yardmaster::agent {

/// The running daemon: store, learner thread, io threads with their servers. Built in start(),
/// which reads top to bottom; taken down in reverse by stop().
class Daemon {
 public:
  /// Opens the data directory, brings the learners up to date, and serves. Fails with what the
  /// part that could not start says; nothing then keeps running.
  /// `store_env` is the file system under the store, nullptr the operating system's; it outlives
  /// the daemon.
  static Result<std::unique_ptr<Daemon>> start(const Config& config,
                                               rocksdb::Env* store_env = nullptr);

  virtual ~Daemon() = default;

  /// Where it listens (the config may say port 0).
  virtual std::uint16_t port() const = 0;

  /// Drains: /readyz says 503, requests under way finish (for up to `grace`), then everything
  /// stops in order and a last snapshot is saved. Blocks; safe to repeat.
  virtual void stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace yardmaster::agent
