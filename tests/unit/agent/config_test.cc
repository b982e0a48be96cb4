#include "agent/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "agent/config_problems.h"

namespace yardmaster::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Result<Config> parse(std::string_view text, const std::map<std::string, std::string>& env = {}) {
  return parse_config(text, "c.yaml", [&](std::string_view name) -> std::optional<std::string> {
    const auto found = env.find(std::string(name));
    return found == env.end() ? std::nullopt : std::optional(found->second);
  });
}

/// What is wrong with a config that has this after its pool of "a" and "b".
std::string problems_of(const std::string& more) {
  const auto config = parse("models: [{name: a}, {name: b}]\n" + more);
  return config ? "" : config.error().message;
}

TEST(Config, AModelsNameIsAllThatIsNeeded) {
  const auto config = parse("models: [{name: gpt-4o}]");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->listen.address, "127.0.0.1");
  EXPECT_EQ(config->listen.port, 8080);
  EXPECT_EQ(config->listen.io_threads, 1);
  EXPECT_EQ(config->data_dir, "./data");
  EXPECT_EQ(config->objective.cost_weight, 30);
  EXPECT_EQ(config->feedback.window, std::chrono::hours(1));
  EXPECT_FALSE(config->feedback.default_quality.has_value());
  EXPECT_EQ(config->store_queries, StoreQueriesConfig());
  EXPECT_FALSE(config->models[0].input_usd_per_mtok.has_value());
  ASSERT_EQ(config->routers.size(), 1u);
  EXPECT_EQ(config->routers[0].name, "auto");
  EXPECT_EQ(config->routers[0].policy, "default");
  EXPECT_EQ(config->routers[0].baseline, "gpt-4o") << "the first model";
  ASSERT_EQ(config->objective.metrics.size(), 1u);
  EXPECT_EQ(config->objective.metrics[0].metric, "quality") << "the first declared metric";
  EXPECT_EQ(config->objective.metrics[0].weight, 1);
}

TEST(Config, WhatIsNotUtf8IsRefusedWithItsLine) {
  EXPECT_EQ(problems_of("data_dir: caf\xe9\n"),
            "c.yaml:2: this line is not UTF-8; save the config in that encoding");
  EXPECT_EQ(problems_of("data_dir: caf\xc3\xa9\n"), "");
}

TEST(Config, EverySectionIsRead) {
  const auto config = parse(R"(
listen: {address: 0.0.0.0, port: 0, io_threads: 2, busy_poll_us: 70}
limits: {max_body_bytes: 2048, max_header_bytes: 4096, max_connections: 7, header_timeout_s: 1.5,
  body_timeout_s: 2, idle_timeout_s: 3}
data_dir: /var/lib/yardmaster
store_queries: {max_age_days: 7, max_bytes: 100, redact: [email, card],
  patterns: [{name: ticket, pattern: 'TCK-\d+'}]}
upstreams:
  - {name: openai, base_url: "https://api.openai.com/v1", api_key: "${KEY}", ca_file: /ca.pem,
     connect_timeout_s: 0.25, first_byte_timeout_s: 4, idle_timeout_s: 5, total_timeout_s: 9,
     max_connections: 3, max_response_bytes: 4096, stream_usage: false,
     probe: {interval_s: 30, idle: true, timeout_s: 2}}
  - {name: sim, kind: simulated, seed: 18446744073709551615, time_scale: 0.5}
models:
  - {name: big, upstream: openai, upstream_model: gpt-4o, input_usd_per_mtok: 2.5,
     output_usd_per_mtok: 10, context_tokens: 128000, max_output_tokens: 4096,
     modalities: [image], tools: false, json_mode: false, size_b: 7.5,
     requests_per_minute: 60, tokens_per_minute: 90000, max_concurrent: 4, tags: ["region:eu", own],
     probe: {interval_s: 60, request: chat},
     scores: {mmlu: 88.7, elo: -1}}
  - {name: vendor/small, upstream: sim}
routers:
  - {name: auto, policy: "fixed:big", encoder: hash, encoder_trial_rows: 50, mode: observe, share: 0.25,
     baseline: vendor/small, exploration_floor: 0.01, half_life_decisions: 1e5, seed: 4,
     require_tags: ["region:eu"], exclude_tags: [own]}
fallback: {max_attempts: 2}
retry: {max_retries: 3, backoff_s: 0.5, max_wait_s: 2}
hedge: {enabled: true, quantile: 0.9, min_calls: 7, min_wait_s: 0.25, max_share: 0.2}
breaker: {consecutive_failures: 3, failure_rate: 0.25, open_s: 1.5, max_open_s: 6}
objective: {cost_weight: 0, latency_weight: .5, max_cost_weight: 10, metrics: {solved: 2, tone: 1}}
feedback:
  window_s: 60
  default: 0.5
  metrics:
    - {name: tone, type: float, min: 1, max: 5, optimize: min, judges: mean}
    - {name: solved, type: boolean, judges: earliest}
learner: {device: auto, publish_interval_s: 0.5, snapshot_interval_s: 5, snapshot_rows: 10,
  keep_snapshots: 2}
retention: {max_age_days: 30, max_gb: 1.5}
logging: {level: debug, json: true, access_log: /var/log/access.log}
keys: [{name: app, sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad,
  scopes: [route, admin], models: [big], deny_models: [vendor/small], require_tags: [own], exclude_tags: ["region:eu"], expires: 2027-01-31T12:00:00Z,
  requests_per_minute: 60, tokens_per_minute: 5000000000, budget_usd_per_day: 1.5}]
)",
                            {{"KEY", "sk-1"}});
  ASSERT_TRUE(config) << config.error().message;
  using std::chrono::milliseconds;
  EXPECT_EQ(config->listen.port, 0);
  EXPECT_EQ(config->listen.busy_poll_us, 70u);
  EXPECT_EQ(config->limits.max_connections, 7u);
  EXPECT_EQ(config->limits.header_timeout, milliseconds(1500));
  EXPECT_TRUE(config->store_queries.enabled);
  EXPECT_EQ(config->store_queries.max_age_days, 7);
  EXPECT_EQ(config->store_queries.max_bytes, 100u);
  EXPECT_EQ(config->store_queries.redact, (std::vector<std::string>{"email", "card"}));
  EXPECT_EQ(config->store_queries.patterns[0], (env::RedactionPattern{"ticket", R"(TCK-\d+)"}));
  EXPECT_EQ(config->upstreams[0].api_key.reveal(), "sk-1");
  EXPECT_EQ(config->upstreams[0].connect_timeout, milliseconds(250));
  EXPECT_EQ(config->upstreams[0].first_byte_timeout, milliseconds(4000));
  EXPECT_EQ(config->upstreams[0].idle_timeout, milliseconds(5000));
  EXPECT_FALSE(config->upstreams[0].stream_usage);
  using Request = env::ProbeSpec::Request;
  EXPECT_EQ(config->upstreams[0].probe,
            (env::ProbeSpec{milliseconds(30'000), Request::models, true, milliseconds(2000)}));
  EXPECT_EQ(config->models[0].probe,
            (env::ProbeSpec{milliseconds(60'000), Request::chat, false, milliseconds(10'000)}));
  EXPECT_FALSE(config->upstreams[1].probe);
  EXPECT_EQ(config->upstreams[1].kind, env::UpstreamSpec::Kind::simulated);
  EXPECT_EQ(config->upstreams[1].seed, ~std::uint64_t{0});
  EXPECT_EQ(config->models[0].upstream_model, "gpt-4o");
  EXPECT_EQ(config->models[0].max_output_tokens, 4096u);
  EXPECT_FALSE(config->models[0].text);
  EXPECT_TRUE(config->models[0].images);
  EXPECT_FALSE(config->models[0].tools);
  using Texts = std::vector<std::string>;
  EXPECT_EQ(config->models[0].tags, (Texts{"region:eu", "own"}));
  EXPECT_EQ(config->routers[0].require_tags, Texts{"region:eu"});
  EXPECT_EQ(config->routers[0].exclude_tags, Texts{"own"});
  EXPECT_EQ(config->keys[0].require_tags, Texts{"own"});
  EXPECT_EQ(config->keys[0].exclude_tags, Texts{"region:eu"});
  EXPECT_EQ(config->models[0].size_b, 7.5);
  EXPECT_EQ(config->models[0].requests_per_minute, 60u);
  EXPECT_EQ(config->models[0].tokens_per_minute, 90'000u);
  EXPECT_EQ(config->models[0].max_concurrent, 4u);
  EXPECT_EQ(config->models[0].scores,
            (std::vector<std::pair<std::string, double>>{{"mmlu", 88.7}, {"elo", -1}}));
  EXPECT_EQ(config->routers[0].mode, RouterConfig::Mode::observe);
  EXPECT_EQ(config->routers[0].half_life_decisions, 1e5);
  EXPECT_EQ(config->fallback.max_attempts, 2u);
  EXPECT_EQ(config->retry.max_retries, 3u);
  EXPECT_EQ(config->retry.backoff, milliseconds(500));
  EXPECT_EQ(config->retry.max_wait, milliseconds(2000));
  EXPECT_TRUE(config->hedge.enabled);
  EXPECT_EQ(config->hedge.quantile, 0.9);
  EXPECT_EQ(config->hedge.min_calls, 7u);
  EXPECT_EQ(config->hedge.min_wait, milliseconds(250));
  EXPECT_EQ(config->hedge.max_share, 0.2);
  EXPECT_EQ(config->breaker.consecutive_failures, 3u);
  EXPECT_EQ(config->breaker.failure_rate, 0.25);
  EXPECT_EQ(config->breaker.open, milliseconds(1500));
  EXPECT_EQ(config->breaker.max_open, milliseconds(6000));
  EXPECT_EQ(config->routers[0].encoder_trial_rows, 50u);
  EXPECT_EQ(config->objective.latency_weight, 0.5);
  ASSERT_EQ(config->objective.metrics.size(), 2u);
  EXPECT_EQ(config->objective.metrics[0].metric, "solved");
  EXPECT_EQ(config->objective.metrics[0].weight, 2);
  EXPECT_EQ(config->feedback.default_quality, 0.5);
  EXPECT_EQ(config->feedback.metrics[0].optimize, env::MetricSpec::Optimize::min);
  EXPECT_EQ(config->feedback.metrics[0].judges, env::MetricSpec::Judges::mean);
  EXPECT_EQ(config->feedback.metrics[1].type, env::MetricSpec::Type::boolean);
  EXPECT_EQ(config->logging.access_log, "/var/log/access.log");
  EXPECT_EQ(config->learner.device, "auto");
  EXPECT_EQ(config->learner.keep_snapshots, 2u);
  EXPECT_EQ(config->retention.max_gb, 1.5);
  EXPECT_EQ(config->logging.level, LoggingConfig::Level::debug);
  EXPECT_EQ(config->keys[0].sha256, sha256("abc"));
  EXPECT_EQ(config->keys[0].scopes, kScopeRoute | kScopeAdmin);
  EXPECT_EQ(config->keys[0].models, std::vector<std::string>{"big"});
  EXPECT_EQ(config->keys[0].deny_models, std::vector<std::string>{"vendor/small"});
  EXPECT_EQ(config->keys[0].expires, parse_rfc3339("2027-01-31T12:00:00Z").value());
  EXPECT_EQ(config->keys[0].requests_per_minute, 60u);
  EXPECT_EQ(config->keys[0].tokens_per_minute, 5'000'000'000u);
  EXPECT_EQ(config->keys[0].budget_usd_per_day, 1.5);
}

TEST(Config, AllProblemsAreToldAtOnceInTheOrderOfTheFile) {
  const auto config = parse(
      "listen: {prot: 80}\n"
      "models:\n"
      "  - {name: a, upstream: nowhere}\n"
      "  - {name: a}\n"
      "routers: [{name: auto, baseline: c, share: 2}]\n");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().message,
            "c.yaml:1: unknown key 'prot' in listen; did you mean 'port'?\n"
            "c.yaml:3: models[0].upstream names 'nowhere', which is not in upstreams\n"
            "c.yaml:4: models[1].name is 'a' like an earlier one; names must differ\n"
            "c.yaml:5: routers[0].share is 2; it must be 0 to 1\n"
            "c.yaml:5: routers[0].baseline names 'c', which is not in models; did you mean 'a'?");
}

TEST(Config, AnUnknownKeyFarFromAllOthersIsAnsweredWithTheKnownOnes) {
  EXPECT_EQ(problems_of("retention: {days: 3}\n"),
            "c.yaml:2: unknown key 'days' in retention; use one of max_age_days, max_gb");
}

TEST(Config, AnUnknownTopLevelKeyIsAnError) {
  EXPECT_EQ(problems_of("object: {}\n"),
            "c.yaml:2: unknown key 'object' in the config; use one of listen, limits, data_dir, "
            "store_queries, upstreams, models, routers, fallback, retry, hedge, sessions, breaker, "
            "objective, feedback, "
            "learner, retention, logging, keys");
  EXPECT_THAT(problems_of("objectiv: {}\n"), HasSubstr("did you mean 'objective'?"));
}

TEST(Config, AKeyGivenTwiceIsAnErrorThatNamesBothLines) {
  EXPECT_EQ(problems_of("data_dir: x\nlogging: {}\ndata_dir: y\n"),
            "c.yaml:4: data_dir is given twice, first in line 2; remove one");
  EXPECT_EQ(problems_of("listen:\n  port: 1\n  port: 1\n"),
            "c.yaml:4: listen.port is given twice, first in line 3; remove one");
  EXPECT_EQ(problems_of("objective: {metrics: {quality: 1, quality: 2}}\n"),
            "c.yaml:2: objective.metrics.quality is given twice, first in line 2; remove one");
}

TEST(Config, AWrongTypeIsToldWithWhatWasExpected) {
  EXPECT_EQ(problems_of("listen: {port: many}\n"),
            "c.yaml:2: listen.port must be a whole number, not 'many'");
  EXPECT_EQ(problems_of("listen: {port: [1]}\n"),
            "c.yaml:2: listen.port must be a whole number, not a list");
  EXPECT_EQ(problems_of("listen: 8080\n"), "c.yaml:2: listen must be a mapping of keys to values");
  EXPECT_EQ(problems_of("upstreams: {name: x}\n"),
            "c.yaml:2: upstreams must be a list; begin each entry with '- '");
  EXPECT_EQ(problems_of("routers: [auto]\n"),
            "c.yaml:2: routers[0] must be a mapping of keys to values");
  EXPECT_EQ(problems_of("store_queries: yes\n"),
            "c.yaml:2: store_queries must be true or false, not 'yes'");
  EXPECT_EQ(problems_of("objective: {cost_weight: cheap}\n"),
            "c.yaml:2: objective.cost_weight must be a number, not 'cheap'");
  EXPECT_EQ(problems_of("objective: {cost_weight: .nan}\n"),
            "c.yaml:2: objective.cost_weight must be a number, not '.nan'");
  EXPECT_EQ(problems_of("feedback: {default: never}\n"),
            "c.yaml:2: feedback.default must be a number or ignore, not 'never'");
  EXPECT_EQ(problems_of("data_dir: {a: b}\n"), "c.yaml:2: data_dir must be a text, not a mapping");
}

TEST(Config, StoreQueriesIsOnOrOffOrSaysMore) {
  const auto of = [](const std::string& text) {
    const auto config = parse("models: [{name: a}]\n" + text);
    EXPECT_TRUE(config) << config.error().message;
    return config ? config->store_queries : StoreQueriesConfig();
  };
  EXPECT_FALSE(of("store_queries: false\n").enabled);
  EXPECT_TRUE(of("store_queries: true\n").enabled);
  EXPECT_TRUE(of("store_queries: {max_age_days: 0.5}\n").enabled);
  EXPECT_FALSE(of("store_queries: {enabled: false, max_age_days: 0.5}\n").enabled);
  EXPECT_EQ(of("store_queries: {enabled: false, max_age_days: 0.5}\n").max_age_days, 0.5);
}

TEST(Config, ARedactionThatCannotBeIsToldWhereAndWhy) {
  const auto redact = [](const std::string& text) {
    return problems_of("store_queries: {" + text + "}\n");
  };
  EXPECT_EQ(redact("redact: [emial]"),
            "c.yaml:2: store_queries.redact cannot have 'emial'; did you mean 'email'?");
  EXPECT_EQ(redact("redact: email"), "c.yaml:2: store_queries.redact must be a list, like [a, b]");
  EXPECT_EQ(redact("patterns: [{name: x, pattern: '('}]"),
            "c.yaml:2: store_queries.patterns[0].pattern is not a pattern: missing ): (; it is "
            "written in RE2's syntax, which has neither look-around nor references");
  EXPECT_EQ(redact("patterns: [{name: x, pattern: 'a*'}]"),
            "c.yaml:2: store_queries.patterns[0].pattern matches the empty text, and so "
            "everywhere; ask for one character at least");
  EXPECT_EQ(redact("patterns: [{name: x}]"),
            "c.yaml:2: store_queries.patterns[0].pattern is empty; write what is to be taken out");
  EXPECT_EQ(redact("patterns: [{pattern: a}]"),
            "c.yaml:2: store_queries.patterns[0].name is missing; give it one");
  EXPECT_THAT(redact("patterns: [{name: 'a b', pattern: a}]"), HasSubstr("name must be 1 to 32"));
  EXPECT_THAT(redact("patterns: [{name: email, pattern: a}]"), HasSubstr("as a built-in one is"));
  EXPECT_EQ(redact("max_age_days: -1"),
            "c.yaml:2: store_queries.max_age_days is -1; it must be 0 to 36500");
  EXPECT_EQ(redact("max_bytes: 9000"),
            "c.yaml:2: store_queries.max_bytes is 9000; it must be a whole number from 16 to 8192");
  EXPECT_EQ(redact("keep: 1"),
            "c.yaml:2: unknown key 'keep' in store_queries; use one of enabled, max_age_days, "
            "max_bytes, redact, patterns");
}

TEST(Config, AValueOutOfRangeIsToldWithTheRange) {
  EXPECT_EQ(problems_of("listen: {port: 70000}\n"),
            "c.yaml:2: listen.port is 70000; it must be a whole number from 0 to 65535");
  EXPECT_EQ(problems_of("listen: {port: -1}\n"),
            "c.yaml:2: listen.port is -1; it must be a whole number from 0 to 65535");
  EXPECT_EQ(problems_of("listen: {io_threads: 1.5}\n"),
            "c.yaml:2: listen.io_threads is 1.5; it must be a whole number from 1 to 256");
  EXPECT_EQ(problems_of("objective: {latency_weight: -1}\n"),
            "c.yaml:2: objective.latency_weight is -1; it must be 0 or more");
  EXPECT_EQ(problems_of("feedback: {default: 1.5}\n"),
            "c.yaml:2: feedback.default is 1.5; it must be 0 to 1 or ignore");
  EXPECT_EQ(problems_of("routers: [{exploration_floor: 0}]\n"),
            "c.yaml:2: routers[0].exploration_floor is 0; it must be 1e-06 to 1");
}

TEST(Config, HedgingNeedsASecondModelAndSensibleNumbers) {
  EXPECT_EQ(problems_of("hedge: {enabled: true}\nfallback: {max_attempts: 1}\n"),
            "c.yaml:2: hedge.enabled is true, but fallback.max_attempts lets one model be called "
            "for a query; raise it to 2 or more");
  EXPECT_EQ(problems_of("hedge: {enabled: false}\nfallback: {max_attempts: 1}\n"), "");
  EXPECT_EQ(problems_of("hedge: {quantile: 1}\n"),
            "c.yaml:2: hedge.quantile is 1; it must be 0.5 to 0.999");
  EXPECT_EQ(problems_of("hedge: {min_calls: 0}\n"),
            "c.yaml:2: hedge.min_calls is 0; it must be a whole number from 1 to 1000000");
  EXPECT_EQ(problems_of("hedge: {min_wait_s: 0}\n"),
            "c.yaml:2: hedge.min_wait_s is 0; it must be 0.001 to 600");
  EXPECT_EQ(problems_of("hedge: {max_share: 2}\n"),
            "c.yaml:2: hedge.max_share is 2; it must be 0.001 to 1");
}

TEST(Config, AProbeNeedsAnIntervalAndAnUpstream) {
  EXPECT_EQ(
      problems_of("upstreams: [{name: x, kind: simulated, probe: {idle: true}}]\n"),
      "c.yaml:2: upstreams[0].probe has no interval_s; give one, like 30, or leave probe out");
  EXPECT_EQ(
      problems_of("upstreams: [{name: x, kind: simulated, probe: {interval_s: 0}}]\n"),
      "c.yaml:2: upstreams[0].probe.interval_s is 0; it must be 0.1 to 86400\n"
      "c.yaml:2: upstreams[0].probe has no interval_s; give one, like 30, or leave probe out");
  EXPECT_EQ(problems_of(
                "upstreams: [{name: x, kind: simulated, probe: {interval_s: 1, request: list}}]\n"),
            "c.yaml:2: upstreams[0].probe.request cannot be 'list'; use one of models, chat");
  const auto config = parse("models: [{name: a, probe: {interval_s: 1}}]\n");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().message,
            "c.yaml:1: models[0].probe is of a model that no upstream serves; name its upstream, "
            "or leave it out");
}

TEST(Config, AWordOutsideItsListIsToldWithTheList) {
  EXPECT_EQ(problems_of("logging: {level: inof}\n"),
            "c.yaml:2: logging.level cannot be 'inof'; did you mean 'info'?");
  EXPECT_EQ(
      problems_of("upstreams: [{name: x, kind: gemini}]\n"),
      "c.yaml:2: upstreams[0].kind cannot be 'gemini'; use one of openai, anthropic, simulated\n"
      "c.yaml:2: upstreams[0].base_url is missing; kind openai needs one like "
      "https://api.example.com/v1");
  EXPECT_EQ(problems_of("routers: [{policy: lint}]\n"),
            "c.yaml:2: routers[0].policy cannot be 'lint'; did you mean 'lints'?");
  EXPECT_EQ(problems_of("routers: [{encoder: sttaic}]\n"),
            "c.yaml:2: routers[0].encoder cannot be 'sttaic'; did you mean 'static'?");
  // A path that is too long to be looked for is not there either.
  EXPECT_THAT(problems_of("routers: [{encoder: 'static:" + std::string(5000, 'x') + "'}]\n"),
              HasSubstr("which is not there; check the path"));
  EXPECT_EQ(problems_of("learner: {device: tpu}\n"),
            "c.yaml:2: learner.device cannot be 'tpu'; did you mean 'cpu'?");
}

TEST(Config, VariablesOfTheEnvironmentAreFilledInAnywhereInAText) {
  const auto config = parse(
      "data_dir: ${HOME}/y-${USER}\nlisten: {port: '${PORT}'}\nmodels: [{name: 'x: ${EVIL}'}]\n",
      {{"HOME", "/h"}, {"USER", "u"}, {"PORT", "81"}, {"EVIL", "a, upstream: b}"}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->data_dir, "/h/y-u");
  EXPECT_EQ(config->listen.port, 81);
  EXPECT_EQ(config->models[0].name, "x: a, upstream: b}") << "a value is never read as YAML";
}

TEST(Config, AMissingVariableIsNamedAndABrokenReferenceTold) {
  EXPECT_EQ(problems_of("data_dir: ${NO_SUCH}\n"),
            "c.yaml:2: data_dir needs the environment variable NO_SUCH, which is not set; export "
            "it, or remove what needs it");
  EXPECT_EQ(problems_of("data_dir: ${HOME\n"),
            "c.yaml:2: data_dir has '${' without '}'; write ${NAME}");
}

TEST(Config, WithoutModelsItIsAnError) {
  for (const char* text : {"", "models: []", "models:", "listen: {port: 1}"}) {
    const auto config = parse(text);
    ASSERT_FALSE(config) << text;
    EXPECT_EQ(config.error().message,
              "c.yaml:1: models is missing or empty; list at least one model, like "
              "[{name: gpt-4o}]");
  }
}

TEST(Config, WhatIsNoYamlIsToldWithItsLine) {
  const auto config = parse("models:\n  - {name: a\nlisten: [");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("this is not YAML"));
  EXPECT_THAT(problems_of("---\nlisten: {}\n"), HasSubstr("one YAML document"));
  const auto list = parse("- a\n");
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().message, "c.yaml:1: the config must be a mapping of keys to values");
}

TEST(Config, ModelsNeedNamesBothPricesAndABound) {
  EXPECT_THAT(problems_of("upstreams: []\n"), "");
  const auto config = parse(
      "models:\n"
      "  - {context_tokens: 0}\n"
      "  - {name: a, input_usd_per_mtok: 1}\n"
      "  - {name: b, input_usd_per_mtok: -1, output_usd_per_mtok: 1, modalities: []}\n");
  ASSERT_FALSE(config);
  const std::string& message = config.error().message;
  EXPECT_THAT(message, HasSubstr("c.yaml:2: models[0].name is missing; give it one"));
  EXPECT_THAT(message, HasSubstr("c.yaml:2: models[0].context_tokens is 0; it must be a whole "
                                 "number from 1 to 4294967295"));
  EXPECT_THAT(message, HasSubstr("c.yaml:3: models[1] has one price"));
  EXPECT_THAT(message,
              HasSubstr("c.yaml:4: models[2].input_usd_per_mtok is -1; it must be 0 or more"));
  EXPECT_THAT(message, HasSubstr("c.yaml:4: models[2].modalities must be a list with one or more "
                                 "of: text, image"));
}

TEST(Config, UpstreamsNeedAPlainHttpUrl) {
  for (const char* url : {"api.openai.com", "ftp://x/v1", "https://", "https:///v1", "not a url"}) {
    EXPECT_THAT(problems_of("upstreams: [{name: x, base_url: '" + std::string(url) + "'}]\n"),
                HasSubstr("upstreams[0].base_url must be a URL like https://api.example.com/v1"))
        << url;
  }
  EXPECT_THAT(problems_of("upstreams: [{name: x, base_url: 'https://u:secret@h/v1'}]\n"),
              "c.yaml:2: upstreams[0].base_url holds a user or a password; put the key into "
              "api_key");
  EXPECT_THAT(problems_of("upstreams: [{name: x, base_url: 'http://h/v1?a=b'}]\n"),
              HasSubstr("'?' or '#'"));
  EXPECT_EQ(problems_of("upstreams: [{name: x, base_url: 'http://[::1]:8000/v1'}]\n"), "");
}

TEST(Config, RouterNamesAreTheirOwnAndCanBeFileNames) {
  EXPECT_THAT(problems_of("routers: [{name: a}]\n"),
              "c.yaml:2: routers[0].name is 'a', as a model is; names must differ");
  for (const char* name : {"../x", "x/y", ".x", "a b", "ü"}) {
    EXPECT_THAT(problems_of("routers: [{name: '" + std::string(name) + "'}]\n"),
                HasSubstr("use letters, digits, '-', '_' and '.' only"))
        << name;
  }
  EXPECT_THAT(problems_of("routers: [{name: x}, {name: x}]\n"), HasSubstr("names must differ"));
  EXPECT_THAT(problems_of("routers: []\n"), HasSubstr("routers is empty"));
  EXPECT_THAT(problems_of("routers: [{policy: 'fixed:c'}]\n"),
              HasSubstr("routers[0].policy names 'c', which is not in models"));
  EXPECT_EQ(problems_of("routers: [{policy: 'fixed:b'}]\n"), "");
}

TEST(Config, ABudgetIsReadAndNeedsModeServe) {
  const auto config = parse(
      "models: [{name: a}]\n"
      "routers: [{budget_usd_per_query: 0.001, budget_usd_per_day: 5, budget_exhausted: "
      "refuse}]\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->routers[0].budget_usd_per_query, 0.001);
  EXPECT_EQ(config->routers[0].budget_usd_per_day, 5);
  EXPECT_EQ(config->routers[0].budget_exhausted, RouterConfig::Exhausted::refuse);
  EXPECT_THAT(problems_of("routers: [{budget_usd_per_day: -1}]\n"),
              HasSubstr("budget_usd_per_day"));
  EXPECT_THAT(problems_of("routers: [{budget_usd_per_day: 5, mode: observe}]\n"),
              HasSubstr("routers[0].mode is observe"));
}

TEST(Config, ATagThatNoModelHasIsASlip) {
  const auto config = parse(
      "models: [{name: a, tags: [region:eu]}]\n"
      "routers: [{require_tags: [region:eo]}]\n"
      "keys: [{name: k, scopes: [route], exclude_tags: [old]}]\n");
  ASSERT_FALSE(config);
  const std::string& problems = config.error().message;
  EXPECT_THAT(problems, HasSubstr("routers[0].require_tags names 'region:eo', a tag that no model "
                                  "has; did you mean 'region:eu'?"));
  EXPECT_THAT(problems, HasSubstr("keys[0].exclude_tags names 'old', a tag that no model has"));
}

TEST(Config, TheObjectiveNamesDeclaredMetricsAndStaysInItsBounds) {
  EXPECT_EQ(problems_of("objective: {metrics: {qualty: 1}}\n"),
            "c.yaml:2: objective.metrics.qualty is not declared in feedback.metrics; did you mean "
            "'quality'?");
  EXPECT_EQ(problems_of("objective: {metrics: {quality: 0}}\n"),
            "c.yaml:2: objective.metrics needs a weight above 0");
  EXPECT_EQ(problems_of("objective: {cost_weight: 50, max_cost_weight: 20}\n"),
            "c.yaml:2: objective.cost_weight is above max_cost_weight; raise that one too");
}

TEST(Config, MetricsNeedARange) {
  EXPECT_THAT(problems_of("feedback: {metrics: [{name: m, min: 1, max: 1}]}\n"),
              HasSubstr("feedback.metrics[0] has a min that is not below its max"));
  EXPECT_THAT(problems_of("feedback: {metrics: [{name: m, type: boolean, max: 5}]}\n"),
              HasSubstr("feedback.metrics[0] is boolean, which is 0 or 1"));
  EXPECT_THAT(problems_of("feedback: {metrics: [{name: m, source: error}]}\n"),
              HasSubstr("feedback.metrics[0] has a source of which less is better"));
  EXPECT_THAT(problems_of("feedback: {metrics: []}\n"), HasSubstr("feedback.metrics is empty"));
}

TEST(Config, AnAddressThatOthersReachNeedsKeys) {
  EXPECT_EQ(problems_of("listen: {address: 0.0.0.0}\n"),
            "c.yaml:2: listen.address is '0.0.0.0', which others can reach, but there are no "
            "keys; make one with 'yardmaster keys add', add keys here, or listen on 127.0.0.1");
  EXPECT_THAT(problems_of("listen: {address: '::'}\n"), HasSubstr("no keys"));
  EXPECT_EQ(problems_of("listen: {address: '::1'}\n"), "");
  EXPECT_EQ(problems_of("listen: {address: 127.0.0.2}\n"), "");
  EXPECT_THAT(problems_of("listen: {address: localhost}\n"), HasSubstr("no IP address"));
}

TEST(Config, TlsNeedsBothFiles) {
  EXPECT_EQ(problems_of("listen: {tls: {certificate: a.pem}}\n"),
            "c.yaml:2: listen.tls.private_key is missing; name the PEM file of its key");
  EXPECT_EQ(problems_of("listen: {tls: {private_key: a.key}}\n"),
            "c.yaml:2: listen.tls.certificate is missing; name the PEM file of the certificate");
  const auto config =
      parse("models: [{name: a}]\nlisten: {tls: {certificate: a.pem, private_key: a.key}}\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->listen.tls.certificate, "a.pem");
  EXPECT_EQ(config->listen.tls.private_key, "a.key");
  EXPECT_THAT(resolved_yaml(*config), HasSubstr("private_key: \"a.key\""));
}

TEST(Config, KeysNeedNameHashAndScopes) {
  EXPECT_EQ(problems_of("keys: [{name: app}]\n"),
            "c.yaml:2: keys[0].sha256 is missing; make it with: printf %s KEY | sha256sum\n"
            "c.yaml:2: keys[0].scopes is missing; list some of route, feedback, admin");
  EXPECT_EQ(problems_of("keys: [{name: app, sha256: abc, scopes: [rout]}]\n"),
            "c.yaml:2: keys[0].sha256 is not 64 hex digits; make it with: printf %s KEY | "
            "sha256sum\n"
            "c.yaml:2: keys[0].scopes cannot be 'rout'; did you mean 'route'?");
}

TEST(Config, WhatAKeyMayDoIsChecked) {
  const std::string hash = std::string(64, 'a');
  const std::string begin = "keys: [{name: app, sha256: " + hash + ", scopes: [route], ";
  EXPECT_THAT(problems_of(begin + "models: [smal]}]\n"),
              HasSubstr("keys[0].models names 'smal', which is not in models"));
  EXPECT_EQ(problems_of(begin + "models: small}]\n"),
            "c.yaml:2: keys[0].models must be a list, like [a, b]");
  EXPECT_EQ(problems_of(begin + "expires: tomorrow}]\n"),
            "c.yaml:2: keys[0].expires is 'tomorrow', no time; write one like "
            "2027-01-31T12:00:00Z");
  EXPECT_EQ(problems_of(begin + "name2: x}, {name: b, sha256: " + hash + ", scopes: [route]}]\n"),
            "c.yaml:2: unknown key 'name2' in keys[0]; did you mean 'name'?\n"
            "c.yaml:2: keys[1].sha256 is that of an earlier key; give each a secret of its own");
}

TEST(Config, NoSecretIsEverPrinted) {
  const std::string text =
      "models: [{name: a}]\n"
      "upstreams: [{name: x, base_url: 'https://h/v1', api_key: '${KEY}'}]\n"
      "keys: [{name: k, scopes: [admin], sha256: "
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad}]\n";
  const auto config = parse(text, {{"KEY", "sk-very-secret"}});
  ASSERT_TRUE(config) << config.error().message;
  const std::string printed = resolved_yaml(*config);
  EXPECT_THAT(printed, Not(HasSubstr("sk-very")));
  EXPECT_THAT(printed, HasSubstr("api_key: \"***\""));
  EXPECT_THAT(printed, HasSubstr("sha256: \"ba7816bf***\""));
  std::ostringstream out;
  out << config->upstreams[0].api_key;
  EXPECT_EQ(out.str(), "***");
}

TEST(Config, WhatIsPrintedMeansTheSame) {
  const std::string text = R"(
upstreams: [{name: sim, kind: simulated, time_scale: 0.1, total_timeout_s: 0.123}]
models: [{name: 'a: "b" #c', upstream: sim, input_usd_per_mtok: 0.1, output_usd_per_mtok: 1e-3},
  {name: c, modalities: [text, image], context_tokens: 7}]
objective: {cost_weight: 12.5, metrics: {tone: 0.3}}
feedback: {default: 0.25, metrics: [{name: tone, min: -1}]}
limits: {max_body_bytes: 4096}
)";
  const auto config = parse(text);
  ASSERT_TRUE(config) << config.error().message;
  const std::string printed = resolved_yaml(*config);
  const auto again = parse(printed);
  ASSERT_TRUE(again) << again.error().message << "\n" << printed;
  EXPECT_EQ(resolved_yaml(*again), printed);
  EXPECT_EQ(again->models[0].name, "a: \"b\" #c");
  EXPECT_EQ(again->upstreams[0].total_timeout, std::chrono::milliseconds(123));
}

TEST(Config, TheBuiltInDemoIsTheFile) {
  const auto file = load_config(YARDMASTER_SOURCE_DIR "/configs/demo.yaml");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(resolved_yaml(default_config()), resolved_yaml(*file));
  EXPECT_EQ(file->models.size(), 6u);
  EXPECT_TRUE(file->keys.empty());
}

TEST(Config, TheFilesInConfigsAreValid) {
  const auto environment = [](std::string_view) { return std::optional<std::string>("secret"); };
  for (const char* name : {"demo", "openai-compatible", "local"}) {
    std::ifstream file(std::string(YARDMASTER_SOURCE_DIR "/configs/") + name + ".yaml");
    std::ostringstream text;
    text << file.rdbuf();
    const auto config = parse_config(text.view(), name, environment);
    EXPECT_TRUE(config) << config.error().message;
  }
}

/// A valid config with a few of its characters replaced.
std::string damaged_demo() {
  std::ifstream file(YARDMASTER_SOURCE_DIR "/configs/demo.yaml");
  std::ostringstream out;
  out << file.rdbuf();
  std::string text = out.str();
  const int damages = *rc::gen::inRange(1, 4);
  for (int i = 0; i < damages; ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
    text[at] = *rc::gen::oneOf(rc::gen::element('{', '}', '[', ']', ':', ',', '&', '*', '\n', '$',
                                                '"', '!', '|', ' ', '-'),
                               rc::gen::arbitrary<char>());
  }
  return text;
}

RC_GTEST_PROP(Config, DamagedTextGivesAConfigOrProblemsWithLines, ()) {
  const auto config = parse(damaged_demo());
  if (config) {
    RC_ASSERT(!resolved_yaml(*config).empty());
  } else {
    RC_ASSERT(config.error().message.starts_with("c.yaml:"));
  }
}

TEST(Config, AFileThatCannotBeReadIsNamed) {
  const auto config = load_config("/no/such/file.yaml");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, ErrorCode::io);
  EXPECT_THAT(config.error().message, HasSubstr("/no/such/file.yaml"));
  EXPECT_FALSE(load_config("/tmp")) << "a directory";
}

TEST(ClosestName, FindsSwapsOmissionsAndAdditionsButNothingFar) {
  EXPECT_EQ(closest_name("prot", {"host", "port"}), "port");
  EXPECT_EQ(closest_name("modells", {"models", "routers"}), "models");
  EXPECT_EQ(closest_name("exploration_flor", {"seed", "exploration_floor"}), "exploration_floor");
  EXPECT_EQ(closest_name("temperature", {"seed", "share"}), "");
  EXPECT_EQ(closest_name("x", {}), "");
}

}  // namespace
}  // namespace yardmaster::agent
