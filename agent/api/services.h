#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/access_log.h"
#include "agent/call_retry.h"
#include "agent/data_directory.h"
#include "agent/encoding_thread.h"
#include "agent/hedging.h"
#include "agent/implicit_signals.h"
#include "agent/keys/daemon_keys.h"
#include "agent/keys/wrong_keys.h"
#include "agent/learner_thread.h"
#include "agent/model_health.h"
#include "agent/model_load.h"
#include "agent/policy_slot.h"
#include "agent/probe_plan.h"
#include "agent/router.h"
#include "agent/serving_metrics.h"
#include "agent/sessions.h"
#include "agent/store_waits.h"
#include "agent/text_rules.h"
#include "base/random.h"
#include "base/time.h"
#include "env/model_pool.h"
#include "env/token_estimator.h"
#include "env/upstream.h"
#include "replay/store.h"

namespace yardmaster::agent {

/// A router with what it serves from.
struct RouterService {
  std::unique_ptr<Router> router;
  std::string policy;                  ///< name in the config
  EncodingThread* encoding = nullptr;  ///< of a slow encoder; nullptr: the io thread encodes
  EncodingThread* successor_encoding = nullptr;  ///< the same of the encoder that is to take over
};

/// Reads the config anew and puts it to work. Returns how it differs, a line each.
using ReloadFunction = std::function<Result<std::vector<std::string>>()>;

/// What all io threads share. Everything referred to outlives them.
struct Services {
  Services(const env::ModelPool& pool_, replay::Store& store_, LearnerThread& learner_,
           env::TokenEstimator& tokens_, const TextRules& texts_, DaemonKeys& keys_,
           DataDirectory data_, BreakerSettings breaker, HedgeSettings hedge,
           SessionSettings sessions_)
      : pool(pool_),
        store(store_),
        learner(learner_),
        tokens(tokens_),
        texts(texts_),
        keys(keys_),
        data(std::move(data_)),
        health(pool_.models().size(), breaker),
        hedging(pool_.models().size(), hedge),
        load(pool_.models()),
        sessions(std::make_unique<Sessions>(sessions_)) {}

  const env::ModelPool& pool;
  replay::Store& store;
  LearnerThread& learner;
  env::TokenEstimator& tokens;
  const TextRules& texts;
  DaemonKeys& keys;
  DataDirectory data;
  ModelHealth health;
  Hedging hedging;
  ModelLoad load;
  std::vector<env::MetricSpec> own_metrics;      ///< that the daemon measures itself
  std::unique_ptr<Regenerations> regenerations;  ///< nullptr: no metric is about them
  std::unique_ptr<Sessions> sessions;
  std::string conversation_secret;
  std::unique_ptr<AccessLog> access_log;  ///< nullptr: none
  std::vector<std::string> providers;     ///< of each model, for the gen_ai metrics
  std::uint32_t max_attempts = 1;         ///< models tried for one query
  RetrySettings retry;
  std::vector<ProbePlan> probes;
  Clock clock = system_clock_now;
  std::vector<std::unique_ptr<EncodingThread>> encoding;  ///< one a slow encoder
  std::vector<RouterService> routers;                     ///< at least one
  std::vector<const ServingMetrics*> metrics;             ///< of every io thread
  std::atomic<std::uint64_t> decisions{0};                ///< logged so far, over all runs
  std::atomic<bool> draining{false};
  std::atomic<bool> retired{false};  ///< a reload has put another config in this one's place
  ReloadFunction reload;
  std::atomic<bool> store_failed{false};   ///< the last append failed: serve the baseline, unlogged
  boost::asio::thread_pool background{1};  ///< for backups, which must not hold up an io thread

  /// The thread of a slow encoder, started by the first router that asks for it.
  EncodingThread& encoding_thread(const env::Encoder& encoder) {
    for (const auto& each : encoding) {
      if (&each->encoder() == &encoder) return *each;
    }
    encoding.push_back(std::make_unique<EncodingThread>(encoder, EncodingOptions{}));
    return *encoding.back();
  }

  /// nullptr if no router has that name. "auto" is the first one, unless a router or a model has
  /// that very name.
  const RouterService* find_router(std::string_view name) const {
    for (const RouterService& service : routers) {
      if (service.router->settings().name == name) return &service;
    }
    return name == "auto" && pool.find(name) == nullptr ? &routers.front() : nullptr;
  }
};

/// What one io thread has for itself.
struct ThreadContext {
  ThreadContext(std::size_t model_count, std::uint64_t seed, std::uint32_t wrong_keys_per_minute)
      : metrics(std::make_unique<ServingMetrics>(model_count)),
        rng(seed),
        wrong_keys(wrong_keys_per_minute, mix64(seed)) {}

  // Set before the first request. Feedback waits for a sync, so a slow one says nothing of the log.
  std::unique_ptr<StoreWaits> log_waits;   ///< decisions and outcomes
  std::unique_ptr<StoreWaits> sync_waits;  ///< feedback
  std::unique_ptr<ServingMetrics> metrics;
  Rng rng;
  WrongKeys wrong_keys;
  std::optional<Published<std::shared_ptr<const KeySet>>::Reader> keys;  ///< set at the start
  std::vector<PolicySlot::Reader> policies;  ///< in the order of Services::routers
  std::map<std::string, std::unique_ptr<env::Upstream>, std::less<>> upstreams;  ///< by name
};

}  // namespace yardmaster::agent
