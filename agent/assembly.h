#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/api/services.h"
#include "agent/config.h"
#include "agent/data_directory.h"
#include "agent/encoder_state.h"
#include "agent/http/server.h"
#include "agent/learner_thread.h"
#include "agent/learning.h"
#include "agent/succession.h"
#include "agent/text_rules.h"
#include "base/result.h"
#include "env/encoder.h"
#include "env/metrics.h"
#include "env/model_pool.h"
#include "env/token_estimator.h"
#include "env/upstream.h"
#include "replay/store.h"

namespace yardmaster::agent {

/// The parts that a config describes, made but not running: what `serve`, `warm-start`, `import`
/// and `export` have in common. Owns the pool, the encoders and the token estimator; what it
/// hands out refers to them.
class Assembly {
 public:
  /// Fails with what is wrong with the config or the encoder's files.
  static Result<Assembly> make(const Config& config);

  DataDirectory data() const { return {config_.data_dir}; }
  const env::ModelPool& pool() const { return *pool_; }
  const env::QualityObjective& objective() const { return *objective_; }
  const TextRules& texts() const { return *texts_; }

  /// The encoder of a router of the config.
  const env::Encoder& encoder_of(const RouterConfig& router) const;

  /// Settles which encoder each router decides with, where the config has another one than the last
  /// run: plan_encoders(), with the notices in the log and the plan on disk. Before it is called
  /// every router has the config's. Fails where the state on disk cannot be read or written.
  Status settle_encoders(const replay::Store& store);

  /// Opens the store for writing; `env` as in replay::StoreOptions.
  Result<std::unique_ptr<replay::Store>> open_store(rocksdb::Env* env = nullptr) const;

  /// One for each router, in the config's order, not recovered yet.
  Result<std::vector<std::unique_ptr<RouterLearner>>> make_learners() const;

  /// One for each router, its learner recovered; nullptr where the encoder does not change.
  Result<std::vector<std::unique_ptr<Succession>>> make_successions(
      const replay::Store& store) const;

  LearnerThreadOptions learner_options() const;
  HttpLimits http_limits() const;
  std::vector<env::UpstreamSpec> upstreams() const;

  /// What the io threads share.
  std::unique_ptr<Services> make_services(replay::Store& store, LearnerThread& learner,
                                          DaemonKeys& keys) const;

 private:
  explicit Assembly(const Config& config) : config_(config) {}

  LearningSpec learning_spec(const RouterConfig& router, const EncoderInUse& use) const;
  std::string open_encoder(const EncoderInUse& use);

  Config config_;
  std::unique_ptr<env::ModelPool> pool_;
  std::unique_ptr<env::QualityObjective> objective_;
  std::map<std::string, std::unique_ptr<env::Encoder>> encoders_;  // by name
  std::unique_ptr<env::TokenEstimator> tokens_;
  std::unique_ptr<const TextRules> texts_;
  std::vector<EncoderState> encoder_states_;  ///< of the routers, in the config's order
};

}  // namespace yardmaster::agent
