#include "agent/assembly.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/descriptors.h"
#include "env/proxy.h"

namespace yardmaster::agent {
namespace {

ObjectiveWeights weights(const ObjectiveConfig& objective) {
  return {objective.cost_weight, objective.latency_weight};
}

/// One that is there keeps the permissions that it was given.
Status make_private_directory(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::create_directories(path, error)) {
    std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
  }
  if (!error) return {};
  return fail(ErrorCode::io, "cannot make data_dir '" + path.string() + "': " + error.message() +
                                 "; check its permissions, or name another");
}

std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

std::string policy_name(const RouterConfig& router) {
  return router.policy == "default" ? std::string(policies::kDefaultPolicy) : router.policy;
}

/// Of each model, as OpenTelemetry's conventions call those who serve it.
std::vector<std::string> providers_of(const Config& config) {
  std::vector<std::string> providers;
  for (const env::ModelSpec& model : config.models) {
    std::string& provider = providers.emplace_back("_OTHER");
    for (const UpstreamConfig& upstream : config.upstreams) {
      if (upstream.name != model.upstream) continue;
      if (upstream.kind == env::UpstreamSpec::Kind::openai) provider = "openai";
      if (upstream.kind == env::UpstreamSpec::Kind::anthropic) provider = "anthropic";
    }
  }
  return providers;
}

/// The models, each told what its upstream is.
std::vector<env::ModelSpec> models_of(const Config& config) {
  std::vector<env::ModelSpec> models = config.models;
  for (env::ModelSpec& model : models) {
    for (const UpstreamConfig& upstream : config.upstreams) {
      if (upstream.name != model.upstream) continue;
      model.at_anthropic = upstream.kind == env::UpstreamSpec::Kind::anthropic;
    }
  }
  return models;
}

}  // namespace

Result<Assembly> Assembly::make(const Config& config) {
  Assembly assembly(config);
  auto pool = env::ModelPool::make(models_of(config));
  if (!pool) return fail(pool.error());
  assembly.pool_ = std::make_unique<env::ModelPool>(std::move(*pool));
  auto objective = env::QualityObjective::make(config.feedback.metrics, config.objective.metrics);
  if (!objective) return fail(objective.error());
  assembly.objective_ = std::make_unique<env::QualityObjective>(std::move(*objective));
  for (const RouterConfig& router : config.routers) {
    if (assembly.encoders_.contains(router.encoder)) continue;
    auto encoder = env::make_encoder(router.encoder);
    if (!encoder) return fail(encoder.error());
    assembly.encoders_.emplace(router.encoder, std::move(*encoder));
  }
  for (const RouterConfig& router : config.routers) {
    const env::Encoder& encoder = assembly.encoder_of(router);
    assembly.encoder_states_.push_back({{router.encoder, encoder.version(), 0}, {}, {}});
  }
  auto texts = TextRules::make(config.store_queries);
  if (!texts) return fail(texts.error());
  assembly.texts_ = std::make_unique<const TextRules>(std::move(*texts));
  assembly.tokens_ = std::make_unique<env::TokenEstimator>(*assembly.pool_);
  return assembly;
}

const env::Encoder& Assembly::encoder_of(const RouterConfig& router) const {
  return *encoders_.at(router.encoder);
}

Result<std::unique_ptr<replay::Store>> Assembly::open_store(rocksdb::Env* env) const {
  if (Status made = make_private_directory(data().root); !made) return fail(made.error());
  replay::StoreOptions options;
  options.env = env;
  options.directory = data().store();
  options.reward_window = config_.feedback.window;
  options.default_quality = config_.feedback.default_quality;
  options.max_age = days(config_.retention.max_age_days);
  options.max_text_age = texts_->max_age();
  options.max_bytes = static_cast<std::uint64_t>(config_.retention.max_gb * 1e9);
  return replay::Store::open(std::move(options), *objective_);
}

/// Why the encoder cannot be used as it was; empty if it can.
std::string Assembly::open_encoder(const EncoderInUse& use) {
  auto& place = encoders_[use.name];
  if (place == nullptr) {
    auto opened = env::make_encoder(use.name);
    if (!opened) {
      encoders_.erase(use.name);
      return opened.error().message;
    }
    place = std::move(*opened);
  }
  if (place->version() == use.version) return {};
  return "its files or this program have changed, it is version " +
         std::to_string(place->version()) + " now";
}

Status Assembly::settle_encoders(const replay::Store& store) {
  std::error_code error;
  std::filesystem::create_directories(data().snapshots(), error);
  for (std::size_t i = 0; i < config_.routers.size(); ++i) {
    const RouterConfig& router = config_.routers[i];
    const EncoderInUse configured{router.encoder, encoder_of(router).version(), 0};
    const auto file = encoder_state_file(data().snapshots(), router.name);
    const auto stored = read_encoder_state(file);
    if (!stored) {
      return fail(stored.error().code,
                  stored.error().message + "; remove it to let the config's encoder serve at once");
    }
    const std::string unusable = *stored ? open_encoder((*stored)->serving) : std::string();
    EncoderPlan plan =
        plan_encoders(router.name, *stored, configured, store.stats().rows, unusable);
    if (!plan.notice.empty()) {
      spdlog::log(plan.lost ? spdlog::level::warn : spdlog::level::info, "{}", plan.notice);
    }
    encoder_states_[i] = std::move(plan.state);
    if (*stored == encoder_states_[i]) continue;
    if (Status written = write_encoder_state(file, encoder_states_[i]); !written) return written;
  }
  return {};
}

LearningSpec Assembly::learning_spec(const RouterConfig& router, const EncoderInUse& use) const {
  const env::Encoder& encoder = *encoders_.at(use.name);
  LearningSpec spec;
  spec.router = router.name;
  spec.policy = policy_name(router);
  spec.encoder = encoder.name();
  spec.encoder_version = encoder.version();
  spec.encode_rows_to = use.encode_rows_to;
  spec.text_encoder = &encoder;
  spec.options.dimension = encoder.dimension();
  spec.options.seed = router.seed;
  spec.options.exploration_floor = router.exploration_floor;
  spec.options.half_life_decisions = router.half_life_decisions;
  spec.options.device = config_.learner.device;
  for (const env::ModelSpec& model : config_.models) spec.options.models.push_back(model.name);
  spec.options.traits = env::ModelTraits(config_.models);
  return spec;
}

Result<std::vector<std::unique_ptr<RouterLearner>>> Assembly::make_learners() const {
  std::vector<std::unique_ptr<RouterLearner>> learners;
  for (std::size_t i = 0; i < config_.routers.size(); ++i) {
    auto learner =
        RouterLearner::make(learning_spec(config_.routers[i], encoder_states_[i].serving),
                            data().snapshots(), config_.learner.keep_snapshots);
    if (!learner) return fail(learner.error());
    learners.push_back(std::move(*learner));
  }
  return learners;
}

Result<std::vector<std::unique_ptr<Succession>>> Assembly::make_successions(
    const replay::Store& store) const {
  std::vector<std::unique_ptr<Succession>> successions(config_.routers.size());
  for (std::size_t i = 0; i < config_.routers.size(); ++i) {
    const EncoderState& state = encoder_states_[i];
    if (!state.successor) continue;
    const RouterConfig& router = config_.routers[i];
    LearningSpec spec = learning_spec(router, *state.successor);
    spec.successor = true;
    auto learner =
        RouterLearner::make(std::move(spec), data().snapshots(), config_.learner.keep_snapshots);
    if (!learner) return fail(learner.error());
    for (const std::string& refused : (*learner)->recover(store)) spdlog::warn("{}", refused);
    successions[i] = std::make_unique<Succession>(
        std::move(*learner), state, encoder_state_file(data().snapshots(), router.name),
        router.encoder_trial_rows, *pool_);
  }
  return successions;
}

LearnerThreadOptions Assembly::learner_options() const {
  LearnerThreadOptions options;
  options.publish_interval = config_.learner.publish_interval;
  options.snapshot_interval = config_.learner.snapshot_interval;
  options.snapshot_rows = config_.learner.snapshot_rows;
  return options;
}

HttpLimits Assembly::http_limits() const {
  HttpLimits limits;
  limits.max_header_bytes = config_.limits.max_header_bytes;
  limits.max_body_bytes = config_.limits.max_body_bytes;
  const std::size_t most =
      share_descriptors(descriptor_limit()).clients / config_.listen.io_threads;
  limits.max_connections = std::clamp<std::size_t>(most, 1, config_.limits.max_connections);
  limits.header_timeout = config_.limits.header_timeout;
  limits.body_timeout = config_.limits.body_timeout;
  limits.idle_timeout = config_.limits.idle_timeout;
  return limits;
}

std::vector<env::UpstreamSpec> Assembly::upstreams() const {
  std::vector<env::UpstreamSpec> specs;
  for (const UpstreamConfig& upstream : config_.upstreams) {
    env::UpstreamSpec spec;
    spec.name = upstream.name;
    spec.kind = upstream.kind;
    spec.base_url = upstream.base_url;
    spec.api_key = upstream.api_key.reveal();
    spec.ca_file = upstream.ca_file;
    spec.proxy = env::proxy_of(upstream.base_url, variable);
    spec.connect_timeout = upstream.connect_timeout;
    spec.first_byte_timeout = upstream.first_byte_timeout;
    spec.idle_timeout = upstream.idle_timeout;
    spec.total_timeout = upstream.total_timeout;
    spec.max_connections = upstream.max_connections;
    spec.max_response_bytes = upstream.max_response_bytes;
    spec.stream_usage = upstream.stream_usage;
    spec.seed = upstream.seed;
    spec.time_scale = upstream.time_scale;
    specs.push_back(std::move(spec));
  }
  return specs;
}

std::unique_ptr<Services> Assembly::make_services(replay::Store& store, LearnerThread& learner,
                                                  DaemonKeys& keys) const {
  auto services =
      std::make_unique<Services>(*pool_, store, learner, *tokens_, *texts_, keys, data(),
                                 config_.breaker, config_.hedge, config_.sessions);
  services->max_attempts = config_.fallback.max_attempts;
  services->retry = config_.retry;
  services->probes = plan_probes(config_);
  expect_probes(services->probes, services->health);
  services->providers = providers_of(config_);
  for (const env::MetricSpec& metric : config_.feedback.metrics) {
    if (metric.source == env::MetricSpec::Source::client) continue;
    services->own_metrics.push_back(metric);
    if (metric.source == env::MetricSpec::Source::regeneration && !services->regenerations) {
      services->regenerations = std::make_unique<Regenerations>();
    }
  }
  services->decisions = store.stats().decisions;
  for (std::size_t i = 0; i < config_.routers.size(); ++i) {
    const RouterConfig& router = config_.routers[i];
    RouterSettings settings;
    settings.name = router.name;
    settings.observe = router.mode == RouterConfig::Mode::observe;
    settings.share = router.share;
    settings.baseline = router.baseline;
    settings.require_tags = router.require_tags;
    settings.exclude_tags = router.exclude_tags;
    settings.texts = texts_.get();
    settings.weights = weights(config_.objective);
    settings.exploration_floor = router.exploration_floor;
    settings.switch_margin = config_.sessions.switch_margin;
    settings.max_cost_weight = config_.objective.max_cost_weight;
    settings.budget = {router.budget_usd_per_query, router.budget_usd_per_day,
                       router.budget_exhausted == RouterConfig::Exhausted::refuse};
    const EncoderState& state = encoder_states_[i];
    const env::Encoder& encoder = *encoders_.at(state.serving.name);
    const env::Encoder* next =
        state.successor ? encoders_.at(state.successor->name).get() : nullptr;
    const auto thread_of = [&](const env::Encoder* each) {
      return each != nullptr && each->is_slow() ? &services->encoding_thread(*each) : nullptr;
    };
    services->routers.push_back(
        {std::make_unique<Router>(std::move(settings), *pool_, encoder, *tokens_, next),
         policy_name(router), thread_of(&encoder), thread_of(next)});
  }
  return services;
}

}  // namespace yardmaster::agent
