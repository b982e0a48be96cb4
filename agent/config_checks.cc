#include "agent/config_checks.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <set>
#include <string>

#include "env/encoder.h"
#include "env/redactor.h"
#include "policies/policy.h"

namespace yardmaster::agent {
namespace {

std::string entry(std::string_view list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

template <class T>
std::vector<std::string_view> names_of(const std::vector<T>& entries) {
  std::vector<std::string_view> names;
  for (const T& each : entries) names.push_back(each.name);
  return names;
}

bool contains(const std::vector<std::string_view>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

template <class T>
void check_names(std::string_view list, const std::vector<T>& entries, Problems& problems) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string& name = entries[i].name;
    if (name.empty()) {
      problems.add_at(entry(list, i) + ".name", "is missing; give it one");
    } else if (!seen.insert(name).second) {
      problems.add_at(entry(list, i) + ".name",
                      "is " + quoted(name) + " like an earlier one; names must differ");
    }
  }
}

void check_store_queries(const StoreQueriesConfig& queries, Problems& problems) {
  const auto builtin = env::builtin_redactions();
  std::vector<std::string_view> names{"all"};
  names.insert(names.end(), builtin.begin(), builtin.end());
  for (const std::string& name : queries.redact) {
    if (contains(names, name)) continue;
    problems.add_at("store_queries.redact", "cannot have " + quoted(name) + suggest(name, names));
  }
  const std::string list = "store_queries.patterns";
  if (queries.patterns.size() > env::kMostRedactionPatterns) {
    problems.add_at(list, "has " + std::to_string(queries.patterns.size()) + " entries; at most " +
                              std::to_string(env::kMostRedactionPatterns) + " are taken");
  }
  check_names(list, queries.patterns, problems);
  for (std::size_t i = 0; i < queries.patterns.size(); ++i) {
    const env::RedactionPattern& each = queries.patterns[i];
    if (Status named = env::check_redaction_name(each.name); !named && !each.name.empty()) {
      problems.add_at(entry(list, i) + ".name", named.error().message);
    }
    if (contains(names, each.name)) {
      problems.add_at(entry(list, i) + ".name",
                      "is " + quoted(each.name) + ", as a built-in one is; names must differ");
    }
    if (Status valid = env::check_redaction_pattern(each.pattern); !valid) {
      problems.add_at(entry(list, i) + ".pattern", valid.error().message);
    }
  }
}

void check_tls(const TlsConfig& tls, Problems& problems) {
  if (!tls.any()) return;
  if (tls.certificate.empty()) {
    problems.add_at("listen.tls.certificate", "is missing; name the PEM file of the certificate");
  }
  if (tls.private_key.empty()) {
    problems.add_at("listen.tls.private_key", "is missing; name the PEM file of its key");
  }
}

void check_listen(const Config& config, bool made_keys, Problems& problems) {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(config.listen.address, error);
  if (error) {
    problems.add_at("listen.address", "is " + quoted(config.listen.address) +
                                          ", no IP address; write one like 127.0.0.1 or ::1");
  } else if (!address.is_loopback() && config.keys.empty() && !made_keys) {
    problems.add_at(
        "listen.address",
        "is " + quoted(config.listen.address) +
            ", which others can reach, but there are no keys; make one with 'yardmaster keys "
            "add', add keys here, or listen on 127.0.0.1");
  }
}

void check_base_url(const std::string& place, const std::string& base_url, Problems& problems) {
  const auto url = boost::urls::parse_uri(base_url);
  const bool http = url && (url->scheme_id() == boost::urls::scheme::http ||
                            url->scheme_id() == boost::urls::scheme::https);
  if (!http || url->encoded_host().empty()) {
    problems.add_at(place, "must be a URL like https://api.example.com/v1");
  } else if (url->has_userinfo()) {
    problems.add_at(place, "holds a user or a password; put the key into api_key");
  } else if (url->has_query() || url->has_fragment()) {
    problems.add_at(place, "has a '?' or '#' part; end it after the path");
  }
}

void check_probe(const std::string& place, const std::optional<env::ProbeSpec>& probe,
                 Problems& problems) {
  if (!probe || probe->interval.count() > 0) return;
  problems.add_at(place + ".probe", "has no interval_s; give one, like 30, or leave probe out");
}

void check_upstreams(const Config& config, Problems& problems) {
  check_names("upstreams", config.upstreams, problems);
  for (std::size_t i = 0; i < config.upstreams.size(); ++i) {
    const UpstreamConfig& upstream = config.upstreams[i];
    check_probe(entry("upstreams", i), upstream.probe, problems);
    if (upstream.kind == env::UpstreamSpec::Kind::simulated) continue;
    if (upstream.base_url.empty()) {
      const bool anthropic = upstream.kind == env::UpstreamSpec::Kind::anthropic;
      problems.add_at(entry("upstreams", i) + ".base_url",
                      anthropic
                          ? "is missing; kind anthropic needs one like https://api.anthropic.com"
                          : "is missing; kind openai needs one like https://api.example.com/v1");
    } else {
      check_base_url(entry("upstreams", i) + ".base_url", upstream.base_url, problems);
    }
  }
}

void check_models(const Config& config, Problems& problems) {
  if (config.models.empty()) {
    problems.add_at("models",
                    "is missing or empty; list at least one model, like [{name: gpt-4o}]");
  }
  check_names("models", config.models, problems);
  const auto upstreams = names_of(config.upstreams);
  for (std::size_t i = 0; i < config.models.size(); ++i) {
    const env::ModelSpec& model = config.models[i];
    if (!model.upstream.empty() && !contains(upstreams, model.upstream)) {
      problems.add_at(entry("models", i) + ".upstream", "names " + quoted(model.upstream) +
                                                            ", which is not in upstreams" +
                                                            suggest(model.upstream, upstreams));
    }
    check_probe(entry("models", i), model.probe, problems);
    if (model.probe && model.upstream.empty()) {
      problems.add_at(entry("models", i) + ".probe",
                      "is of a model that no upstream serves; name its upstream, or leave it out");
    }
    if (model.input_usd_per_mtok.has_value() != model.output_usd_per_mtok.has_value()) {
      problems.add_at(entry("models", i),
                      "has one price; give both input_usd_per_mtok and output_usd_per_mtok, or "
                      "neither");
    }
  }
}

/// Router names become file names, and clients send them as a model's name.
bool valid_router_name(std::string_view name) {
  return !name.starts_with('.') && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

void check_policy(const Config& config, const std::string& place, const std::string& policy,
                  Problems& problems) {
  constexpr std::string_view kFixed = "fixed:";
  const auto models = names_of(config.models);
  if (policy.starts_with(kFixed)) {
    const std::string_view model = std::string_view(policy).substr(kFixed.size());
    if (!contains(models, model)) {
      problems.add_at(
          place, "names " + quoted(model) + ", which is not in models" + suggest(model, models));
    }
    return;
  }
  const std::vector<std::string> known = policies::policy_names();
  std::vector<std::string_view> names(known.begin(), known.end());
  names.emplace_back("default");
  if (!contains(names, policy)) {
    problems.add_at(place, "cannot be " + quoted(policy) + suggest(policy, names));
  }
}

void check_routers(const Config& config, Problems& problems) {
  if (config.routers.empty()) problems.add_at("routers", "is empty; list one, or leave it out");
  check_names("routers", config.routers, problems);
  const auto models = names_of(config.models);
  const std::vector<std::string_view> encoders{"static", "hash", "static:FILE", "minilm:FOLDER"};
  for (std::size_t i = 0; i < config.routers.size(); ++i) {
    const RouterConfig& router = config.routers[i];
    const std::string place = entry("routers", i);
    if (!valid_router_name(router.name)) {
      problems.add_at(place + ".name",
                      "is " + quoted(router.name) + "; use letters, digits, '-', '_' and '.' only");
    }
    if (contains(models, router.name)) {
      problems.add_at(place + ".name",
                      "is " + quoted(router.name) + ", as a model is; names must differ");
    }
    check_policy(config, place + ".policy", router.policy, problems);
    if (!env::is_encoder_name(router.encoder)) {
      problems.add_at(place + ".encoder",
                      "cannot be " + quoted(router.encoder) + suggest(router.encoder, encoders));
    }
    const std::string_view files = env::encoder_path(router.encoder);
    if (!files.empty() && !env::is_there(files)) {
      problems.add_at(place + ".encoder",
                      "names " + quoted(files) + ", which is not there; check the path");
    }
    const bool budget = router.budget_usd_per_query > 0 || router.budget_usd_per_day > 0;
    if (budget && router.mode == RouterConfig::Mode::observe) {
      problems.add_at(place + ".mode",
                      "is observe, in which the baseline serves whatever it costs; use serve, or "
                      "take the budget out");
    }
    if (!router.baseline.empty() && !contains(models, router.baseline)) {
      problems.add_at(place + ".baseline", "names " + quoted(router.baseline) +
                                               ", which is not in models" +
                                               suggest(router.baseline, models));
    }
  }
}

void check_hedge(const Config& config, Problems& problems) {
  if (!config.hedge.enabled || config.fallback.max_attempts > 1) return;
  problems.add_at("hedge.enabled",
                  "is true, but fallback.max_attempts lets one model be called for a query; raise "
                  "it to 2 or more");
}

void check_metrics(const Config& config, Problems& problems) {
  const auto& metrics = config.feedback.metrics;
  if (metrics.empty()) {
    problems.add_at("feedback.metrics", "is empty; declare one, or leave it out");
  }
  check_names("feedback.metrics", metrics, problems);
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const std::string place = entry("feedback.metrics", i);
    if (!(metrics[i].min < metrics[i].max)) {
      problems.add_at(place, "has a min that is not below its max");
    }
    if (metrics[i].type == env::MetricSpec::Type::boolean &&
        (metrics[i].min != 0 || metrics[i].max != 1)) {
      problems.add_at(place, "is boolean, which is 0 or 1; leave min and max out");
    }
    if (metrics[i].source != env::MetricSpec::Source::client &&
        metrics[i].optimize == env::MetricSpec::Optimize::max) {
      problems.add_at(place, "has a source of which less is better; write optimize: min");
    }
  }
}

void check_objective(const Config& config, Problems& problems) {
  const ObjectiveConfig& objective = config.objective;
  if (objective.cost_weight > objective.max_cost_weight) {
    problems.add_at("objective.cost_weight", "is above max_cost_weight; raise that one too");
  }
  const auto declared = names_of(config.feedback.metrics);
  bool positive = objective.metrics.empty();
  for (const env::MetricWeight& part : objective.metrics) {
    positive = positive || part.weight > 0;
    if (!contains(declared, part.metric)) {
      problems.add_at("objective.metrics." + part.metric,
                      "is not declared in feedback.metrics" + suggest(part.metric, declared));
    }
  }
  if (!positive) problems.add_at("objective.metrics", "needs a weight above 0");
}

void check_key_models(const Config& config, const std::string& place,
                      const std::vector<std::string>& named, Problems& problems) {
  const auto models = names_of(config.models);
  for (const std::string& model : named) {
    if (contains(models, model)) continue;
    problems.add_at(place,
                    "names " + quoted(model) + ", which is not in models" + suggest(model, models));
  }
}

/// A tag that no model has is a slip of the pen: it would leave all models out, or none.
void check_tags(const Config& config, const std::string& place,
                const std::vector<std::string>& tags, Problems& problems) {
  std::vector<std::string_view> known;
  for (const env::ModelSpec& model : config.models) {
    for (const std::string& tag : model.tags) {
      if (!contains(known, tag)) known.push_back(tag);
    }
  }
  for (const std::string& tag : tags) {
    if (contains(known, tag)) continue;
    problems.add_at(place, "names " + quoted(tag) + ", a tag that no model has" +
                               (known.empty() ? "" : suggest(tag, known)));
  }
}

void check_keys(const Config& config, Problems& problems) {
  check_names("keys", config.keys, problems);
  std::set<Sha256> seen;
  for (std::size_t i = 0; i < config.keys.size(); ++i) {
    const std::string place = entry("keys", i);
    if (config.keys[i].sha256 == std::array<std::uint8_t, 32>{}) {
      problems.add_at(place + ".sha256", "is missing; make it with: printf %s KEY | sha256sum");
    }
    if (config.keys[i].scopes == 0) {
      problems.add_at(place + ".scopes", "is missing; list some of route, feedback, admin");
    }
    if (!seen.insert(config.keys[i].sha256).second) {
      problems.add_at(place + ".sha256",
                      "is that of an earlier key; give each a secret of its own");
    }
    check_key_models(config, place + ".models", config.keys[i].models, problems);
    check_key_models(config, place + ".deny_models", config.keys[i].deny_models, problems);
    check_tags(config, place + ".require_tags", config.keys[i].require_tags, problems);
    check_tags(config, place + ".exclude_tags", config.keys[i].exclude_tags, problems);
  }
}

}  // namespace

void check_config(const Config& config, bool made_keys, Problems& problems) {
  check_listen(config, made_keys, problems);
  check_tls(config.listen.tls, problems);
  if (config.data_dir.empty()) problems.add_at("data_dir", "is empty; name a directory");
  check_store_queries(config.store_queries, problems);
  check_upstreams(config, problems);
  check_models(config, problems);
  check_routers(config, problems);
  for (std::size_t i = 0; i < config.routers.size(); ++i) {
    check_tags(config, entry("routers", i) + ".require_tags", config.routers[i].require_tags,
               problems);
    check_tags(config, entry("routers", i) + ".exclude_tags", config.routers[i].exclude_tags,
               problems);
  }
  check_hedge(config, problems);
  check_metrics(config, problems);
  check_objective(config, problems);
  check_keys(config, problems);
}

}  // namespace yardmaster::agent
