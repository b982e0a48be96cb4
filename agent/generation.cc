#include "agent/generation.h"

#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <random>
#include <thread>
#include <utility>

#include "agent/api/api.h"
#include "agent/api/error_shapes.h"
#include "agent/budget/restore.h"
#include "agent/data_directory.h"
#include "agent/http/server.h"
#include "agent/http/tls.h"
#include "agent/prober.h"
#include "base/busy_poll.h"
#include "base/this_thread.h"
#include "env/proxy.h"

namespace yardmaster::agent {

namespace asio = boost::asio;

namespace {

/// nullptr: plain HTTP.
Result<std::shared_ptr<asio::ssl::context>> tls_of(const TlsConfig& tls) {
  if (!tls.any()) return std::shared_ptr<asio::ssl::context>();
  return make_server_tls(tls.certificate, tls.private_key);
}

}  // namespace

/// One io thread: its own io_context, server, upstream clients and counters.
class IoThread {
 public:
  IoThread(Services& services, ThreadContext context, std::chrono::milliseconds store_timeout)
      : work_(asio::make_work_guard(io_)),
        context_(std::move(context)),
        api_(services, context_),
        prober_(services, context_) {
    const auto executor = io_.get_executor();
    context_.log_waits = std::make_unique<StoreWaits>(executor, store_timeout, &services.store);
    context_.sync_waits = std::make_unique<StoreWaits>(executor, store_timeout, &services.store);
  }

  Status open_upstreams(const std::vector<env::UpstreamSpec>& specs) {
    for (const env::UpstreamSpec& spec : specs) {
      auto upstream = env::make_upstream(spec, io_.get_executor());
      if (!upstream) return fail(upstream.error());
      context_.upstreams.emplace(spec.name, std::move(*upstream));
    }
    return {};
  }

  /// On the address, or where `first` listens.
  Status listen(const ListenConfig& listen, const HttpLimits& limits,
                const std::shared_ptr<asio::ssl::context>& tls, IoThread* first) {
    auto handler = [this](HttpRequest request) { return api_.handle(std::move(request)); };
    auto server = first != nullptr
                      ? first->server_->share(io_, limits, handler, tls)
                      : HttpServer::listen(io_, listen.address, listen.port, limits, handler, tls);
    if (!server) return fail(server.error());
    server_ = std::move(*server);
    server_->shape_errors(
        [](std::string_view target, HttpResponse& error) { shape_error(target, error); });
    return {};
  }

  /// Before run(), on one thread of all: has the models probed.
  void probe() { prober_.start(io_.get_executor()); }

  /// Accepts no more; each connection is closed after its next answer.
  void retire() {
    std::promise<void> retired;
    asio::post(io_, [this, &retired] {
      prober_.stop();
      server_->retire();
      retired.set_value();
    });
    retired.get_future().wait();
  }

  void run(std::chrono::microseconds busy_poll, const BackgroundWork& background) {
    server_->start();
    thread_ = std::thread([this, busy_poll, &background] {
      name_this_thread("io");
      ask_for_short_slices();
      run_with_busy_poll(io_, busy_poll, background);
    });
  }

  bool running() const { return thread_.joinable(); }

  std::future<void> drain(std::chrono::milliseconds grace) {
    asio::post(io_, [this] { prober_.stop(); });
    return asio::co_spawn(io_, server_->drain(grace), asio::use_future);
  }

  /// After this nothing of the thread runs, nor touches the store; the store's late answers come to
  /// an io_context that stands still.
  void halt() {
    if (!running()) return;
    work_.reset();
    io_.stop();
    thread_.join();
    context_.log_waits->stop();
    context_.sync_waits->stop();
  }

  std::uint16_t port() const { return server_->port(); }
  std::size_t connections() const { return server_->connections(); }
  const ServingMetrics& metrics() const { return *context_.metrics; }

 private:
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  ThreadContext context_;
  Api api_;
  Prober prober_;
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
};

Generation::Generation(const Config& config, Assembly assembly)
    : config_(config), assembly_(std::move(assembly)) {}

Generation::~Generation() {
  drain(std::chrono::milliseconds(0));
  join();
}

Result<std::unique_ptr<Generation>> Generation::make(const Config& config) {
  auto assembly = Assembly::make(config);
  if (!assembly) return fail(assembly.error());
  return std::unique_ptr<Generation>(new Generation(config, std::move(*assembly)));
}

Status Generation::start(replay::Store& store, DaemonKeys& keys, Generation* before,
                         const std::stop_token& stop, ReloadFunction reload) {
  store_ = &store;
  const bool paused = before != nullptr && before->learner_->paused();
  if (Status learning = start_learning(stop, paused); !learning) return learning;
  return start_serving(keys, before, std::move(reload));
}

/// Serving starts with everything learned that the store holds.
Status Generation::start_learning(const std::stop_token& stop, bool paused) {
  if (Status settled = assembly_.settle_encoders(*store_); !settled) return settled;
  auto learners = assembly_.make_learners();
  if (!learners) return fail(learners.error());
  auto successions = assembly_.make_successions(*store_);
  if (!successions) return fail(successions.error());
  for (const auto& learner : *learners) {
    for (const std::string& refused : learner->recover(*store_)) spdlog::warn("{}", refused);
  }
  const Status learned = paused ? Status() : learn_to_head(*learners, *store_, nullptr, stop);
  if (stop.stop_requested()) return fail(ErrorCode::unavailable, "stopped while starting");
  if (!learned) {
    spdlog::error("learner: {}; serving with what was learned", learned.error().message);
  }
  std::vector<PolicySlot*> slots;
  for (const auto& learner : *learners) {
    const LearnerStatus status = learner->status();
    spdlog::info("router {}: policy {} at version {}", status.router, status.policy,
                 status.version);
    // A state that is not valid still starts the daemon: the router then serves its baseline.
    auto policy = learner->publish();
    if (!policy) spdlog::error("{}", policy.error().message);
    slots_.push_back(std::make_unique<PolicySlot>(
        policy ? std::move(*policy) : PublishedPolicy{nullptr, learner->version()}));
    slots.push_back(slots_.back().get());
  }
  LearnerThreadOptions options = assembly_.learner_options();
  options.paused = paused;
  learner_ = std::make_unique<LearnerThread>(std::move(*learners), std::move(slots), *store_,
                                             std::move(options), std::move(*successions));
  return {};
}

Status Generation::start_serving(DaemonKeys& keys, Generation* before, ReloadFunction reload) {
  services_ = assembly_.make_services(*store_, *learner_, keys);
  auto secret = conversation_secret(DataDirectory{config_.data_dir}.conversation_secret());
  if (!secret) return fail(secret.error());
  services_->conversation_secret = std::move(*secret);
  for (const RouterService& service : services_->routers) {
    const RouterSettings& settings = service.router->settings();
    if (service.router->pacer() == nullptr) continue;
    const Status counted = restore_budget(*store_, settings.name, settings.weights.cost,
                                          services_->clock(), *service.router->pacer());
    if (!counted) return fail(counted.error());
  }
  if (before != nullptr) {
    services_->sessions =
        std::make_unique<Sessions>(config_.sessions, *before->services_->sessions);
  } else if (Status known = restore_sessions(*store_, services_->clock(), *services_->sessions);
             !known) {
    return known;
  }
  services_->reload = std::move(reload);
  if (!config_.logging.access_log.empty()) {
    auto log = AccessLog::open(config_.logging.access_log);
    if (!log) return fail(log.error());
    services_->access_log = std::move(*log);
  }
  IoThread* first_of_before = before != nullptr ? before->threads_.front().get() : nullptr;
  const auto tls = tls_of(config_.listen.tls);
  if (!tls) return fail(tls.error());
  std::random_device entropy;
  for (const env::UpstreamSpec& spec : assembly_.upstreams()) {
    const auto proxy = env::parse_proxy(spec.proxy);
    if (spec.proxy.empty() || !proxy) continue;
    spdlog::info("upstream '{}' is reached through the proxy {}", spec.name, proxy->name());
  }
  for (unsigned i = 0; i < config_.listen.io_threads; ++i) {
    const std::uint64_t seed = (std::uint64_t{entropy()} << 32) | entropy();
    ThreadContext context(services_->pool.models().size(), seed,
                          config_.limits.wrong_keys_per_minute);
    context.keys.emplace(keys.ring.set());
    for (const auto& slot : slots_) context.policies.emplace_back(*slot);
    auto thread =
        std::make_unique<IoThread>(*services_, std::move(context), config_.limits.store_timeout);
    if (Status opened = thread->open_upstreams(assembly_.upstreams()); !opened) return opened;
    IoThread* first = threads_.empty() ? first_of_before : threads_.front().get();
    if (Status bound = thread->listen(config_.listen, assembly_.http_limits(), *tls, first);
        !bound) {
      return bound;
    }
    services_->metrics.push_back(&thread->metrics());
    threads_.push_back(std::move(thread));
  }
  threads_.front()->probe();
  const std::chrono::microseconds busy_poll(config_.listen.busy_poll_us);
  for (const auto& thread : threads_) thread->run(busy_poll, services_->store.background_work());
  return {};
}

std::uint16_t Generation::port() const { return threads_.front()->port(); }

void Generation::stop_learning() {
  services_->retired.store(true);
  learner_->stop();
}

void Generation::resume_learning() {
  learner_->start();
  services_->retired.store(false);
}

void Generation::retire() {
  for (const auto& thread : threads_) thread->retire();
}

std::size_t Generation::connections() const {
  std::size_t count = 0;
  for (const auto& thread : threads_) count += thread->connections();
  return count;
}

void Generation::drain(std::chrono::milliseconds grace) {
  if (services_) services_->draining.store(true);
  std::vector<std::future<void>> drained;
  for (const auto& thread : threads_) {
    if (thread->running()) drained.push_back(thread->drain(grace));
  }
  for (std::future<void>& each : drained) each.wait();
  // Encoders, backups and the learner answer through callbacks that post to the io threads, so they
  // go first, while the io_contexts still are.
  if (services_) {
    for (const auto& encoding : services_->encoding) encoding->stop();
    services_->background.join();
  }
  if (learner_) learner_->stop();
}

void Generation::halt() {
  for (const auto& thread : threads_) thread->halt();
}

void Generation::join() {
  halt();
  threads_.clear();
}

}  // namespace yardmaster::agent
