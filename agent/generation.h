#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "agent/api/services.h"
#include "agent/assembly.h"
#include "agent/config.h"
#include "agent/learner_thread.h"
#include "agent/policy_slot.h"
#include "base/result.h"
#include "replay/store.h"

namespace yardmaster::agent {

class IoThread;

/// One config at work: models, learners, routers, upstreams, io threads; everything but the store.
/// A reload starts another generation beside it and retires this one. Not thread-safe: its methods
/// are called by one thread at a time.
class Generation {
 public:
  /// Checks what the config names (encoders, metrics); nothing runs yet. Fails as
  /// Assembly::make().
  static Result<std::unique_ptr<Generation>> make(const Config& config);

  ~Generation();

  /// Recovers the learners, learns what the store has, and serves: on the config's address, or
  /// where `before` listens. `store` and `keys` outlive the generation. Fails with what the part
  /// that could not start says, and with unavailable when asked to stop.
  Status start(replay::Store& store, DaemonKeys& keys, Generation* before,
               const std::stop_token& stop, ReloadFunction reload);

  const Config& config() const { return config_; }
  const Assembly& assembly() const { return assembly_; }
  std::uint16_t port() const;

  /// Saves what was learned and learns no more, while the policies go on serving and the routes of
  /// the admin API ask to come again; and the reverse.
  void stop_learning();
  void resume_learning();

  /// Accepts no more connections; each one there is closed after its next answer. Blocks until that
  /// holds; not to be called on an io thread.
  void retire();
  std::size_t connections() const;

  /// /readyz says 503, requests under way finish (for up to `grace`), and the learner saves.
  void drain(std::chrono::milliseconds grace);

  /// Ends its threads, which touch the store no more. What the store still answers is dropped.
  void halt();

  /// halt(), and what the threads had goes. The store must have answered everything, or be gone:
  /// its answers go there.
  void join();

 private:
  Generation(const Config& config, Assembly assembly);
  Status start_learning(const std::stop_token& stop, bool paused);
  Status start_serving(DaemonKeys& keys, Generation* before, ReloadFunction reload);

  const Config config_;
  Assembly assembly_;
  replay::Store* store_ = nullptr;
  std::vector<std::unique_ptr<PolicySlot>> slots_;
  std::unique_ptr<LearnerThread> learner_;
  std::unique_ptr<Services> services_;
  std::vector<std::unique_ptr<IoThread>> threads_;
};

}  // namespace yardmaster::agent
