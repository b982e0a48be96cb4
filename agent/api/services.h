#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/auth.h"
#include "agent/data_directory.h"
#include "agent/learner_thread.h"
#include "agent/policy_slot.h"
#include "agent/router.h"
#include "agent/serving_metrics.h"
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
  std::unique_ptr<PolicySlot> slot;
  std::string policy;  ///< name in the config
};

/// What all io threads share. Everything referred to outlives them.
struct Services {
  const env::ModelPool& pool;
  std::vector<RouterService> routers;
  replay::Store& store;
  LearnerThread& learner;
  env::TokenEstimator& tokens;
  Authenticator authenticator;
  DataDirectory data;
  Clock clock;
  std::atomic<std::uint64_t> decisions{0};  ///< made so far, over all runs
  std::atomic<bool> draining{false};
  std::atomic<bool> store_failed{false};  ///< the last append failed: serve the baseline, unlogged
  std::vector<const ServingMetrics*> metrics;  ///< of every io thread

  /// nullptr if no router has that name.
  const RouterService* find_router(std::string_view name) const {
    for (const RouterService& service : routers) {
      if (service.router->settings().name == name) return &service;
    }
    return nullptr;
  }
};

/// What one io thread has for itself.
struct ThreadContext {
  ServingMetrics metrics;
  Rng rng;
  std::vector<PolicySlot::Reader> policies;  ///< in the order of Services::routers
  std::map<std::string, std::unique_ptr<env::Upstream>, std::less<>> upstreams;  ///< by name
};

}  // namespace yardmaster::agent
