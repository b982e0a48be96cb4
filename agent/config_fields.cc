#include "agent/config_fields.h"

namespace yardmaster::agent {
namespace {

constexpr double kAnyNumber = std::numeric_limits<double>::max();
constexpr double kDay_s = 86'400;
constexpr double kLeastFloor = 1e-6;  // no propensity may be 0
constexpr std::uint64_t kGibibyte = 1u << 30;

// Each in the order of the enumeration that it names.
constexpr std::array<std::string_view, 3> kUpstreamKinds{"openai", "anthropic", "simulated"};
constexpr std::array<std::string_view, 2> kProbeRequests{"models", "chat"};
constexpr std::array<std::string_view, 2> kModes{"serve", "observe"};
constexpr std::array<std::string_view, 2> kExhausted{"cheapest", "refuse"};
constexpr std::array<std::string_view, 2> kMetricTypes{"float", "boolean"};
constexpr std::array<std::string_view, 2> kOptimize{"max", "min"};
constexpr std::array<std::string_view, 3> kJudges{"earliest", "latest", "mean"};
constexpr std::array<std::string_view, 7> kSources{
    "client", "error", "first_token", "latency", "refusal", "truncation", "regeneration"};
constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 3> kDevices{"cpu", "cuda", "auto"};

// Bit i stands for entry i.
constexpr std::array<std::string_view, 2> kModalities{"text", "image"};

void visit_listen(FieldVisitor& visitor, ListenConfig& listen) {
  visitor.text("address", listen.address);
  visitor.integer("port", listen.port);
  visitor.integer("io_threads", listen.io_threads, 1, 256);
  visitor.integer("busy_poll_us", listen.busy_poll_us, 0, 10'000);
  if (!visitor.present("tls", listen.tls.any())) return;
  visitor.group("tls", [&](FieldVisitor& v) {
    v.text("certificate", listen.tls.certificate);
    v.text("private_key", listen.tls.private_key);
  });
}

void visit_limits(FieldVisitor& visitor, LimitsConfig& limits) {
  visitor.integer("max_body_bytes", limits.max_body_bytes, 1024, kGibibyte);
  visitor.integer("max_header_bytes", limits.max_header_bytes, 1024, 1u << 20);
  visitor.integer("max_connections", limits.max_connections, 1);
  visitor.seconds("header_timeout_s", limits.header_timeout, 0.1, 3600);
  visitor.seconds("body_timeout_s", limits.body_timeout, 0.1, 3600);
  visitor.seconds("idle_timeout_s", limits.idle_timeout, 0.1, kDay_s);
  visitor.seconds("store_timeout_s", limits.store_timeout, 0.01, 3600);
  visitor.integer("wrong_keys_per_minute", limits.wrong_keys_per_minute);
}

void visit_redaction(FieldVisitor& visitor, env::RedactionPattern& pattern) {
  visitor.text("name", pattern.name);
  visitor.text("pattern", pattern.pattern);
}

void visit_store_queries(FieldVisitor& visitor, StoreQueriesConfig& queries) {
  visitor.flag("enabled", queries.enabled);
  visitor.number("max_age_days", queries.max_age_days, 0, 36'500);
  visitor.integer("max_bytes", queries.max_bytes, 16, StoreQueriesConfig().max_bytes);
  visitor.texts("redact", queries.redact);
  visitor.list_of("patterns", queries.patterns, visit_redaction);
}

void visit_probe(FieldVisitor& visitor, std::optional<env::ProbeSpec>& probe) {
  if (!visitor.present("probe", probe.has_value())) return;
  if (!probe) probe.emplace();
  visitor.group("probe", [&](FieldVisitor& v) {
    v.seconds("interval_s", probe->interval, 0.1, kDay_s);
    v.choice_of("request", kProbeRequests, probe->request);
    v.flag("idle", probe->idle);
    v.seconds("timeout_s", probe->timeout, 0.1, 600);
  });
}

void visit_upstream(FieldVisitor& visitor, UpstreamConfig& upstream) {
  visitor.text("name", upstream.name);
  visitor.choice_of("kind", kUpstreamKinds, upstream.kind);
  visitor.text("base_url", upstream.base_url);
  visitor.secret("api_key", upstream.api_key);
  visitor.text("ca_file", upstream.ca_file);
  visitor.seconds("connect_timeout_s", upstream.connect_timeout, 0.1, 600);
  visitor.seconds("first_byte_timeout_s", upstream.first_byte_timeout, 0.1, kDay_s);
  visitor.seconds("idle_timeout_s", upstream.idle_timeout, 0.1, kDay_s);
  visitor.seconds("total_timeout_s", upstream.total_timeout, 0.1, kDay_s);
  visitor.integer("max_connections", upstream.max_connections, 1);
  visitor.integer("max_response_bytes", upstream.max_response_bytes, 1024, kGibibyte);
  visitor.flag("stream_usage", upstream.stream_usage);
  visitor.integer("seed", upstream.seed);
  visitor.number("time_scale", upstream.time_scale, 0, 1000);
  visit_probe(visitor, upstream.probe);
}

void visit_model(FieldVisitor& visitor, env::ModelSpec& model) {
  visitor.text("name", model.name);
  visitor.text("upstream", model.upstream);
  visitor.text("upstream_model", model.upstream_model);
  visitor.optional("input_usd_per_mtok", model.input_usd_per_mtok);
  visitor.optional("output_usd_per_mtok", model.output_usd_per_mtok);
  visitor.optional("cache_read_usd_per_mtok", model.cache_read_usd_per_mtok);
  visitor.optional("cache_write_usd_per_mtok", model.cache_write_usd_per_mtok);
  visitor.optional("context_tokens", model.context_tokens);
  visitor.optional("max_output_tokens", model.max_output_tokens);
  std::uint32_t modalities = (model.text ? 1u : 0u) | (model.images ? 2u : 0u);
  visitor.choices("modalities", kModalities, modalities);
  model.text = (modalities & 1u) != 0;
  model.images = (modalities & 2u) != 0;
  visitor.flag("tools", model.tools);
  visitor.flag("json_mode", model.json_mode);
  visitor.flag("chat", model.chat);
  visitor.texts("tags", model.tags);
  visitor.optional("requests_per_minute", model.requests_per_minute);
  visitor.optional("tokens_per_minute", model.tokens_per_minute);
  visitor.optional("max_concurrent", model.max_concurrent);
  visit_probe(visitor, model.probe);
  visitor.optional("size_b", model.size_b);
  visitor.numbers("scores", model.scores, -kAnyNumber, kAnyNumber);
}

void visit_router(FieldVisitor& visitor, RouterConfig& router) {
  visitor.text("name", router.name);
  visitor.text("policy", router.policy);
  visitor.text("encoder", router.encoder);
  visitor.integer("encoder_trial_rows", router.encoder_trial_rows, 0, 1'000'000);
  visitor.choice_of("mode", kModes, router.mode);
  visitor.number("share", router.share, 0, 1);
  visitor.text("baseline", router.baseline);
  visitor.number("exploration_floor", router.exploration_floor, kLeastFloor, 1);
  visitor.number("half_life_decisions", router.half_life_decisions, 0, kAnyNumber);
  visitor.integer("seed", router.seed);
  visitor.texts("require_tags", router.require_tags);
  visitor.texts("exclude_tags", router.exclude_tags);
  visitor.number("budget_usd_per_query", router.budget_usd_per_query, 0, kAnyNumber);
  visitor.number("budget_usd_per_day", router.budget_usd_per_day, 0, kAnyNumber);
  visitor.choice_of("budget_exhausted", kExhausted, router.budget_exhausted);
}

void visit_fallback(FieldVisitor& visitor, FallbackConfig& fallback) {
  visitor.integer("max_attempts", fallback.max_attempts, 1, 100);
}

void visit_retry(FieldVisitor& visitor, RetrySettings& retry) {
  visitor.integer("max_retries", retry.max_retries, 0, 10);
  visitor.seconds("backoff_s", retry.backoff, 0.001, 60);
  visitor.seconds("max_wait_s", retry.max_wait, 0.001, 60);
}

void visit_hedge(FieldVisitor& visitor, HedgeSettings& hedge) {
  visitor.flag("enabled", hedge.enabled);
  visitor.number("quantile", hedge.quantile, 0.5, 0.999);
  visitor.integer("min_calls", hedge.min_calls, 1, 1'000'000);
  visitor.seconds("min_wait_s", hedge.min_wait, 0.001, 600);
  visitor.number("max_share", hedge.max_share, 0.001, 1);
}

void visit_sessions(FieldVisitor& visitor, SessionSettings& sessions) {
  visitor.flag("enabled", sessions.enabled);
  visitor.seconds("idle_s", sessions.idle, 1, kDay_s * 30);
  visitor.integer("max", sessions.max, 1, 100'000'000);
  visitor.number("switch_margin", sessions.switch_margin, 0, 1);
}

void visit_breaker(FieldVisitor& visitor, BreakerSettings& breaker) {
  visitor.integer("consecutive_failures", breaker.consecutive_failures, 1, 64);
  visitor.number("failure_rate", breaker.failure_rate, 0.01, 1);
  visitor.seconds("open_s", breaker.open, 0.01, 3600);
  visitor.seconds("max_open_s", breaker.max_open, 0.01, kDay_s);
}

void visit_objective(FieldVisitor& visitor, ObjectiveConfig& objective) {
  visitor.number("cost_weight", objective.cost_weight, 0, kAnyNumber);
  visitor.number("latency_weight", objective.latency_weight, 0, kAnyNumber);
  visitor.number("max_cost_weight", objective.max_cost_weight, 0, kAnyNumber);
  FieldVisitor::NamedNumbers metrics;
  for (const env::MetricWeight& part : objective.metrics) {
    metrics.emplace_back(part.metric, part.weight);
  }
  visitor.numbers("metrics", metrics, 0, kAnyNumber);
  objective.metrics.clear();
  for (auto& [metric, weight] : metrics) objective.metrics.push_back({std::move(metric), weight});
}

void visit_metric(FieldVisitor& visitor, env::MetricSpec& metric) {
  visitor.text("name", metric.name);
  visitor.choice_of("type", kMetricTypes, metric.type);
  visitor.number("min", metric.min, -kAnyNumber, kAnyNumber);
  visitor.number("max", metric.max, -kAnyNumber, kAnyNumber);
  visitor.choice_of("optimize", kOptimize, metric.optimize);
  visitor.choice_of("judges", kJudges, metric.judges);
  visitor.choice_of("source", kSources, metric.source);
}

void visit_feedback(FieldVisitor& visitor, FeedbackConfig& feedback) {
  visitor.seconds("window_s", feedback.window, 0.001, 366 * kDay_s);
  visitor.number_or("default", "ignore", feedback.default_quality, 0, 1);
  visitor.list_of("metrics", feedback.metrics, visit_metric);
}

void visit_device(FieldVisitor& visitor, std::string& device) {
  std::size_t index = 0;
  while (index + 1 < kDevices.size() && kDevices[index] != device) ++index;
  visitor.choice("device", kDevices, index);
  device = kDevices[index];
}

void visit_learner(FieldVisitor& visitor, LearnerConfig& learner) {
  visit_device(visitor, learner.device);
  visitor.seconds("publish_interval_s", learner.publish_interval, 0.001, 3600);
  visitor.seconds("snapshot_interval_s", learner.snapshot_interval, 1, kDay_s);
  visitor.integer("snapshot_rows", learner.snapshot_rows, 1);
  visitor.integer("keep_snapshots", learner.keep_snapshots, 1, 1000);
}

void visit_retention(FieldVisitor& visitor, RetentionConfig& retention) {
  visitor.number("max_age_days", retention.max_age_days, 0, 36'500);
  visitor.number("max_gb", retention.max_gb, 0, 1e6);
}

void visit_logging(FieldVisitor& visitor, LoggingConfig& logging) {
  visitor.choice_of("level", kLevels, logging.level);
  visitor.flag("json", logging.json);
  visitor.text("access_log", logging.access_log);
}

void visit_key(FieldVisitor& visitor, ApiKey& key) {
  visitor.text("name", key.name);
  visitor.sha256("sha256", key.sha256);
  std::uint32_t scopes = key.scopes;
  visitor.choices("scopes", kScopeNames, scopes);
  key.scopes = static_cast<std::uint8_t>(scopes);
  visitor.texts("models", key.models);
  visitor.texts("deny_models", key.deny_models);
  visitor.texts("require_tags", key.require_tags);
  visitor.texts("exclude_tags", key.exclude_tags);
  visitor.time("expires", key.expires);
  visitor.integer("requests_per_minute", key.requests_per_minute);
  visitor.integer("tokens_per_minute", key.tokens_per_minute);
  visitor.integer("feedback_per_minute", key.feedback_per_minute);
  visitor.number("budget_usd_per_day", key.budget_usd_per_day, 0, kAnyNumber);
}

}  // namespace

void visit_config(FieldVisitor& visitor, Config& config) {
  visitor.group("listen", [&](FieldVisitor& v) { visit_listen(v, config.listen); });
  visitor.group("limits", [&](FieldVisitor& v) { visit_limits(v, config.limits); });
  visitor.text("data_dir", config.data_dir);
  visitor.flag_or_group("store_queries", config.store_queries.enabled,
                        [&](FieldVisitor& v) { visit_store_queries(v, config.store_queries); });
  visitor.list_of("upstreams", config.upstreams, visit_upstream);
  visitor.list_of("models", config.models, visit_model);
  visitor.list_of("routers", config.routers, visit_router);
  visitor.group("fallback", [&](FieldVisitor& v) { visit_fallback(v, config.fallback); });
  visitor.group("retry", [&](FieldVisitor& v) { visit_retry(v, config.retry); });
  visitor.group("hedge", [&](FieldVisitor& v) { visit_hedge(v, config.hedge); });
  visitor.group("sessions", [&](FieldVisitor& v) { visit_sessions(v, config.sessions); });
  visitor.group("breaker", [&](FieldVisitor& v) { visit_breaker(v, config.breaker); });
  visitor.group("objective", [&](FieldVisitor& v) { visit_objective(v, config.objective); });
  visitor.group("feedback", [&](FieldVisitor& v) { visit_feedback(v, config.feedback); });
  visitor.group("learner", [&](FieldVisitor& v) { visit_learner(v, config.learner); });
  visitor.group("retention", [&](FieldVisitor& v) { visit_retention(v, config.retention); });
  visitor.group("logging", [&](FieldVisitor& v) { visit_logging(v, config.logging); });
  visitor.list_of("keys", config.keys, visit_key);
}

}  // namespace yardmaster::agent
