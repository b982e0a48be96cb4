#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/call_retry.h"
#include "agent/hedging.h"
#include "agent/keys/api_key.h"
#include "agent/model_health.h"
#include "agent/secret.h"
#include "agent/sessions.h"
#include "base/result.h"
#include "env/metrics.h"
#include "env/model_pool.h"
#include "env/query.h"
#include "env/redactor.h"
#include "env/upstream.h"

namespace yardmaster::agent {

/// What the daemon is told, as docs/configuration.md describes it: one struct a section of the
/// YAML file, one member a key. Times are in seconds in the file, under the member's name + "_s".
/// A Config that parse_config returned holds nothing out of range and names nothing that is
/// missing.

/// `listen.tls`: files of a daemon that speaks HTTPS.
struct TlsConfig {
  std::string certificate;  ///< PEM: the server's, then what signed it; empty: plain HTTP
  std::string private_key;  ///< PEM, without a passphrase

  bool any() const { return !certificate.empty() || !private_key.empty(); }
};

/// `listen`: where the daemon answers.
struct ListenConfig {
  std::string address = "127.0.0.1";  ///< an IP address; beyond loopback only with keys
  std::uint16_t port = 8080;          ///< 0: a free one, named in the log
  std::uint16_t io_threads = 1;       ///< each has its own event loop; 1 serves thousands a second
  std::uint32_t busy_poll_us = 50;    ///< as run_with_busy_poll()
  TlsConfig tls;
};

/// `limits`: what one client may take up.
struct LimitsConfig {
  std::uint64_t max_body_bytes = 16u << 20;
  std::uint64_t max_header_bytes = 16u << 10;
  std::uint32_t max_connections = 4096;              ///< of one io thread
  std::chrono::milliseconds header_timeout{10'000};  ///< from a request's first byte to its headers
  std::chrono::milliseconds body_timeout{30'000};    ///< for the body after the headers
  std::chrono::milliseconds idle_timeout{75'000};    ///< between requests of one connection
  std::chrono::milliseconds store_timeout{5'000};    ///< after it the disk counts as not writable
  std::uint32_t wrong_keys_per_minute = 120;  ///< of one source, on one io thread; 0: no limit
};

/// An entry of `upstreams`: a service that answers chat completions for some of the models.
struct UpstreamConfig {
  std::string name;
  env::UpstreamSpec::Kind kind = env::UpstreamSpec::Kind::openai;
  std::string base_url;  ///< up to and with /v1, which anthropic may lack; simulated ones have none
  Secret api_key;        ///< sent as a bearer token, to anthropic as x-api-key; empty: none
  std::string ca_file;   ///< PEM with the certificates to trust; empty: the system's
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds first_byte_timeout{120'000};  ///< from the call to the first byte
  std::chrono::milliseconds idle_timeout{60'000};         ///< between bytes of the answer
  std::chrono::milliseconds total_timeout{600'000};       ///< from the call to the last byte
  std::uint32_t max_connections = 256;                    ///< open at once, per io thread
  std::uint64_t max_response_bytes = 64u << 20;
  bool stream_usage = true;             ///< it takes stream_options.include_usage
  std::uint64_t seed = 0;               ///< of a simulated one's world
  double time_scale = 0;                ///< a simulated one waits its latency times this
  std::optional<env::ProbeSpec> probe;  ///< of its models that have none of their own
};

/// An entry of `routers`: a name that clients send as the model, and how it chooses.
struct RouterConfig {
  enum class Mode {
    serve,   ///< the policy's choice is served
    observe  ///< the baseline is served; what the policy would have chosen is logged
  };

  enum class Exhausted {
    cheapest,  ///< where every candidate could break the budget, the cheapest serves
    refuse     ///< the query is refused
  };

  std::string name = "auto";
  std::string policy = "default";           ///< docs/policies.md lists them
  std::string encoder = "static";           ///< docs/encoders.md lists them
  std::uint64_t encoder_trial_rows = 1000;  ///< that a changed encoder must be no worse over
  Mode mode = Mode::serve;
  double share = 1;                  ///< part of the traffic that the policy decides
  std::string baseline;              ///< serves the rest; parse_config puts the first model here
  double exploration_floor = 0.001;  ///< probability that all candidates share evenly
  double half_life_decisions = 0;    ///< after so many an observation counts half; 0: never forget
  std::uint64_t seed = 0;            ///< of the policy's random numbers
  std::vector<std::string> require_tags;  ///< that a model must have to be chosen, all of them
  std::vector<std::string> exclude_tags;  ///< that it must not have
  double budget_usd_per_query = 0;        ///< mean that spending is kept to; 0: none
  double budget_usd_per_day = 0;          ///< sum over a UTC day; 0: none
  Exhausted budget_exhausted = Exhausted::cheapest;
};

/// `fallback`: what is done when the chosen model fails.
struct FallbackConfig {
  std::uint32_t max_attempts = 5;  ///< models tried for one query; 1: no fallback
};

/// `objective`: what a good decision is.
struct ObjectiveConfig {
  double cost_weight = 30;        ///< quality per USD
  double latency_weight = 0;      ///< quality per second
  double max_cost_weight = 1000;  ///< a request may ask for a cost weight up to this

  /// The parts of quality. parse_config puts the first declared metric here if none is given.
  std::vector<env::MetricWeight> metrics;
};

/// `feedback`: what clients may report, and how long the learner waits for it.
struct FeedbackConfig {
  std::chrono::milliseconds window{3'600'000};  ///< after it a decision is learned as it stands

  /// `default`: the quality of a decision without feedback; nothing (`ignore`): not learned.
  std::optional<double> default_quality;

  std::vector<env::MetricSpec> metrics{env::MetricSpec{.name = "quality"}};
};

/// `learner`: the thread that learns.
struct LearnerConfig {
  std::string device = "cpu";                           ///< cpu, cuda or auto
  std::chrono::milliseconds publish_interval{20};       ///< shortest time between two policies
  std::chrono::milliseconds snapshot_interval{60'000};  ///< between snapshots on disk
  std::uint64_t snapshot_rows = 10'000;  ///< or after so many rows, whichever is first
  std::uint32_t keep_snapshots = 5;      ///< of each router; the older are removed
};

/// Fractions of a day count.
inline std::chrono::microseconds days(double count) {
  return std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::duration<double, std::ratio<86'400>>(count));
}

/// `retention`: how much of the past stays on disk.
struct RetentionConfig {
  double max_age_days = 0;  ///< 0: no limit
  double max_gb = 0;        ///< 10^9 bytes; 0: no limit
};

/// `logging`: what the daemon writes to standard error. Prompts and keys never are.
struct LoggingConfig {
  enum class Level { debug, info, warn, error };

  Level level = Level::info;
  bool json = false;       ///< one JSON object a line in place of plain text
  std::string access_log;  ///< file of a line a request, or "stderr"; empty: none
};

/// `store_queries`: whether the text of queries is kept in the decision log, and what of it. `true`
/// or `false` in its place is `enabled` alone.
struct StoreQueriesConfig {
  bool enabled = false;
  double max_age_days = 0;  ///< after it the text goes, and its decision stays; 0: no limit
  std::uint32_t max_bytes = env::kQueryTextBytes;  ///< a longer text is cut; no more is read
  std::vector<std::string> redact;                 ///< env::builtin_redactions(), or "all"
  std::vector<env::RedactionPattern> patterns;     ///< besides them

  friend bool operator==(const StoreQueriesConfig&, const StoreQueriesConfig&) = default;
};

struct Config {
  ListenConfig listen;
  LimitsConfig limits;
  std::string data_dir = "./data";  ///< made if missing; one daemon at a time may use it
  StoreQueriesConfig store_queries;
  std::vector<UpstreamConfig> upstreams;
  std::vector<env::ModelSpec> models;
  std::vector<RouterConfig> routers{RouterConfig{}};
  FallbackConfig fallback;
  RetrySettings retry;
  HedgeSettings hedge;
  BreakerSettings breaker;
  SessionSettings sessions;
  ObjectiveConfig objective;
  FeedbackConfig feedback;
  LearnerConfig learner;
  RetentionConfig retention;
  LoggingConfig logging;
  std::vector<ApiKey> keys;  ///< none: loopback only, no authentication
};

/// Whether keys were made at run time for that data_dir.
using MadeKeysLookup = std::function<bool(const std::string& data_dir)>;

/// Finds the value that `${NAME}` stands for; nothing if there is none.
using EnvironmentLookup = std::function<std::optional<std::string>(std::string_view name)>;

/// Reads a config from YAML text. An address that others reach needs keys, here or made at run
/// time. `name` is what messages call it. Fails with invalid_argument and all problems at once,
/// each on a line of its own: "NAME:LINE: what is wrong and what to do".
Result<Config> parse_config(std::string_view text, std::string_view name,
                            const EnvironmentLookup& environment,
                            const MadeKeysLookup& has_made_keys = {});

/// Reads a config file with the environment of this process. Fails like parse_config, and with io
/// where the file cannot be read.
Result<Config> load_config(const std::string& path);

/// The same for who is about to make the keys that the address needs.
Result<Config> load_config_for_keys(const std::string& path);

/// configs/demo.yaml, which is built into the program: simulated models on loopback.
Config default_config();

/// The config as YAML with every key there is, in place of secrets "***".
std::string resolved_yaml(const Config& config);

}  // namespace yardmaster::agent
