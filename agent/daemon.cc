#include "agent/daemon.h"

#include <spdlog/spdlog.h>

#include <atomic>
#include <future>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

#include "agent/config_diff.h"
#include "agent/generation.h"
#include "agent/keys/daemon_keys.h"
#include "agent/keys/key_watcher.h"
#include "agent/keys/restore.h"
#include "base/this_thread.h"

namespace yardmaster::agent {
namespace {

/// How long a generation that was reloaded away may take to finish its requests.
constexpr std::chrono::minutes kRetireTime{10};
constexpr std::chrono::milliseconds kRetirePoll{100};

/// How often the file of keys is looked at.
constexpr std::chrono::seconds kKeyInterval{1};

/// How long the store may take to answer all that it was asked before.
constexpr std::chrono::seconds kStoreAnswers{30};

/// Whether the store has answered everything that was appended before.
bool has_answered(replay::Store& store) {
  auto answered = std::make_shared<std::promise<void>>();
  std::future<void> done = answered->get_future();
  store.append_feedback({}, [answered](const auto&) { answered->set_value(); });
  return done.wait_for(kStoreAnswers) == std::future_status::ready;
}

/// A generation in retirement: its thread waits until its connections are gone, and ends it.
class Retired {
 public:
  Retired(std::unique_ptr<Generation> generation, replay::Store& store)
      : generation_(std::move(generation)),
        thread_([this, &store](std::stop_token stop) { end(store, stop); }) {}

  bool ended() const { return ended_.load(); }

  /// Lets it wait for its connections no longer than this.
  void hurry(std::chrono::milliseconds grace) {
    grace_ = grace;
    thread_.request_stop();
  }

  void join() { thread_.join(); }

  /// After join(): the io threads that stayed end.
  void halt() {
    if (generation_) generation_->halt();
  }

 private:
  void end(replay::Store& store, const std::stop_token& stop) {
    name_this_thread("retirement");
    const auto deadline = std::chrono::steady_clock::now() + kRetireTime;
    // What was accepted at the last moment is a connection by the first look.
    do {
      std::this_thread::sleep_for(kRetirePoll);
    } while (generation_->connections() > 0 && !stop.stop_requested() &&
             std::chrono::steady_clock::now() < deadline);
    generation_->drain(grace_);
    // Answers of a store that hangs would find the threads gone, so then they stay.
    if (!has_answered(store)) return;
    generation_->join();
    generation_.reset();
    ended_ = true;
  }

  std::unique_ptr<Generation> generation_;
  std::atomic<bool> ended_ = false;
  std::atomic<std::chrono::milliseconds> grace_{std::chrono::milliseconds(0)};
  std::jthread thread_;
};

class RunningDaemon final : public Daemon {
 public:
  explicit RunningDaemon(DaemonOptions options) : options_(std::move(options)) {}
  ~RunningDaemon() override { stop(std::chrono::milliseconds(0)); }

  Status start(const Config& config);

  std::uint16_t port() const override { return port_; }
  bool open() const override { return keys_->ring.open(); }
  Result<std::vector<std::string>> reload() override;
  void stop(std::chrono::milliseconds grace) override;

 private:
  Status open_keys(const Generation& generation);
  Status start_next(Generation& next, Generation* before);

  const DaemonOptions options_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;  // held for a reload, and to mark the end
  std::unique_ptr<replay::Store> store_;
  std::unique_ptr<DaemonKeys> keys_;
  std::unique_ptr<KeyWatcher> key_watcher_;
  std::unique_ptr<Generation> generation_;
  std::list<Retired> retired_;
  bool stopped_ = false;
};

Status RunningDaemon::start(const Config& config) {
  auto generation = Generation::make(config);
  if (!generation) return fail(generation.error());
  auto store = (*generation)->assembly().open_store(options_.store_env);
  if (!store) return fail(store.error());
  store_ = std::move(*store);
  const replay::StoreStats stats = store_->stats();
  spdlog::info("store {}: {} decisions, {} training rows",
               (*generation)->assembly().data().store().string(), stats.decisions, stats.rows);
  if (Status opened = open_keys(**generation); !opened) return opened;
  generation_ = std::move(*generation);
  if (Status started = start_next(*generation_, nullptr); !started) return started;
  port_ = generation_->port();
  key_watcher_ = std::make_unique<KeyWatcher>(keys_->ring, kKeyInterval);
  return {};
}

Status RunningDaemon::open_keys(const Generation& generation) {
  keys_ =
      std::make_unique<DaemonKeys>(generation.config().keys, generation.assembly().data().keys());
  if (Status loaded = keys_->ring.load(); !loaded) return loaded;
  return restore_charges(*store_, system_clock_now(), keys_->ring, keys_->charges);
}

Status RunningDaemon::start_next(Generation& next, Generation* before) {
  return next.start(*store_, *keys_, before, options_.stop, [this] { return reload(); });
}

Result<std::vector<std::string>> RunningDaemon::reload() {
  if (!options_.read_config) {
    return fail(ErrorCode::unsupported,
                "there is no config file to read anew; start with serve --config FILE");
  }
  const std::lock_guard lock(mutex_);
  if (stopped_) return fail(ErrorCode::unavailable, "the daemon is stopping");
  retired_.remove_if([](const Retired& each) { return each.ended(); });
  const auto config = options_.read_config();
  if (!config) return fail(config.error());
  std::string fixed;
  for (const std::string& section : needs_restart(generation_->config(), *config)) {
    fixed += (fixed.empty() ? "" : ", ") + section;
  }
  if (!fixed.empty()) {
    return fail(ErrorCode::conflict, "nothing was changed: a restart is needed to change " + fixed);
  }
  auto next = Generation::make(*config);
  if (!next) return fail(next.error());

  generation_->stop_learning();
  if (Status started = start_next(**next, generation_.get()); !started) {
    next->reset();  // first, since it has taken the store's news of rows
    generation_->resume_learning();
    return fail(started.error());
  }
  const std::vector<std::string> changes = config_diff(generation_->config(), *config);
  keys_->ring.configure(config->keys);
  generation_->retire();
  retired_.emplace_back(std::exchange(generation_, std::move(*next)), *store_);
  spdlog::info("the config was reloaded, with {} changes that show", changes.size());
  for (const std::string& change : changes) spdlog::info("reload: {}", change);
  return changes;
}

void RunningDaemon::stop(std::chrono::milliseconds grace) {
  {
    // A reload under way is waited for; none begins any more, also not one that a thread that is
    // waited for below would begin.
    const std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
  }
  key_watcher_.reset();
  for (Retired& each : retired_) each.hurry(grace);
  if (generation_) generation_->drain(grace);
  for (Retired& each : retired_) each.join();
  // The threads end first, so that none comes to a store that is gone; what they had goes last,
  // since the store's answers go there.
  if (generation_) generation_->halt();
  for (Retired& each : retired_) each.halt();
  store_.reset();
  if (generation_) generation_->join();
  retired_.clear();
}

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::start(const Config& config, DaemonOptions options) {
  auto daemon = std::make_unique<RunningDaemon>(std::move(options));
  if (Status started = daemon->start(config); !started) return fail(started.error());
  return std::unique_ptr<Daemon>(std::move(daemon));
}

}  // namespace yardmaster::agent
