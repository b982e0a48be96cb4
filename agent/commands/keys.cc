#include "agent/commands/keys.h"

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "agent/commands/json_file.h"
#include "agent/config.h"
#include "agent/data_directory.h"
#include "agent/keys/key_file.h"
#include "agent/keys/key_json.h"

namespace yardmaster::agent {
namespace {

namespace json = boost::json;

struct KeysArguments {
  std::string config;
  std::string name;
  std::vector<std::string> scopes{"route", "feedback"};
  std::string expires;
  ApiKey limits;
  std::string json_file;
};

int failed(const Error& error) {
  std::cerr << "keys: " << error.message << '\n';
  return 1;
}

Result<Config> config_of(const KeysArguments& arguments) {
  return arguments.config.empty() ? Result<Config>(default_config())
                                  : load_config_for_keys(arguments.config);
}

KeyFile file_of(const Config& config) { return KeyFile(DataDirectory{config.data_dir}.keys()); }

Result<ApiKey> requested_key(const KeysArguments& arguments) {
  ApiKey key = arguments.limits;
  key.name = arguments.name;
  if (Status named = check_key_name(key.name); !named) return fail(named.error());
  const auto scopes = parse_scopes(arguments.scopes);
  if (!scopes) return fail(scopes.error());
  key.scopes = *scopes;
  if (!arguments.expires.empty()) {
    const auto time = parse_rfc3339(arguments.expires);
    if (!time) {
      return fail(ErrorCode::invalid_argument,
                  "--expires is no time; write one like 2027-01-31T12:00:00Z");
    }
    key.expires = *time;
  }
  return key;
}

Status check_against(const Config& config, const ApiKey& key) {
  for (const ApiKey& configured : config.keys) {
    if (configured.name != key.name) continue;
    return fail(ErrorCode::conflict,
                "there is a key '" + key.name + "' in the config; take another name");
  }
  for (const auto* names : {&key.models, &key.deny_models}) {
    for (const std::string& name : *names) {
      const bool known = std::any_of(config.models.begin(), config.models.end(),
                                     [&](const auto& model) { return model.name == name; });
      if (!known) {
        return fail(ErrorCode::invalid_argument, "the config has no model '" + name + "'");
      }
    }
  }
  return {};
}

int add(const KeysArguments& arguments) {
  const auto key = requested_key(arguments);
  if (!key) {
    failed(key.error());
    return 2;
  }
  const auto config = config_of(arguments);
  if (!config) return failed(config.error());
  if (Status good = check_against(*config, *key); !good) return failed(good.error());
  const KeyFile file = file_of(*config);
  const auto secret = file.add(*key, system_clock_now());
  if (!secret) return failed(secret.error());
  std::cout << *secret << std::endl;
  std::cerr << "This is the secret of key '" << key->name
            << "', and the only time that it is shown: " << file.path().string()
            << " holds its hash alone.\nA running daemon takes the key within a second.\n";
  return 0;
}

/// What each has used a running daemon alone knows.
Result<std::vector<KeyListing>> listed_keys(const Config& config) {
  auto made = file_of(config).read();
  if (!made) return fail(made.error());
  std::vector<KeyListing> all;
  for (const ApiKey& key : config.keys) all.push_back({key, {}, {}, {}});
  for (MadeKey& each : *made) {
    all.push_back({std::move(each.key), each.created, each.revoked, {}});
  }
  return all;
}

std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ",") + name;
  return all;
}

/// What the columns do not say of a key.
std::string limits_of(const ApiKey& key) {
  std::string text;
  const auto put = [&](const char* name, const std::string& value) {
    text += std::string(text.empty() ? "" : " ") + name + "=" + value;
  };
  if (!key.models.empty()) put("models", joined(key.models));
  if (!key.deny_models.empty()) put("deny_models", joined(key.deny_models));
  if (!key.require_tags.empty()) put("require_tags", joined(key.require_tags));
  if (!key.exclude_tags.empty()) put("exclude_tags", joined(key.exclude_tags));
  if (key.requests_per_minute > 0) put("requests/min", std::to_string(key.requests_per_minute));
  if (key.tokens_per_minute > 0) put("tokens/min", std::to_string(key.tokens_per_minute));
  if (key.feedback_per_minute > 0) put("feedback/min", std::to_string(key.feedback_per_minute));
  if (key.budget_usd_per_day > 0) {
    char usd[32];
    std::snprintf(usd, sizeof usd, "%g", key.budget_usd_per_day);
    put("usd/day", usd);
  }
  return text;
}

std::string scopes_of(const ApiKey& key) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kScopeNames.size(); ++i) {
    if ((key.scopes >> i & 1u) != 0) names.emplace_back(kScopeNames[i]);
  }
  return joined(names);
}

int list(const KeysArguments& arguments) {
  const auto config = config_of(arguments);
  if (!config) return failed(config.error());
  const auto keys = listed_keys(*config);
  if (!keys) return failed(keys.error());
  const Timestamp now = system_clock_now();
  std::size_t width = 4;
  for (const KeyListing& each : *keys) width = std::max(width, each.key.name.size());
  std::printf("%-*s  %-7s  %-20s  %-6s  %-27s  %s\n", static_cast<int>(width), "name", "state",
              "scopes", "source", "expires", "limits");
  json::array rows;
  for (const KeyListing& each : *keys) {
    std::printf("%-*s  %-7s  %-20s  %-6s  %-27s  %s\n", static_cast<int>(width),
                each.key.name.c_str(), std::string(state_of(each.key, each.revoked, now)).c_str(),
                scopes_of(each.key).c_str(), std::string(source_of(each)).c_str(),
                each.key.expires ? format_rfc3339(*each.key.expires).c_str() : "never",
                limits_of(each.key).c_str());
    rows.push_back(json_of(each, now));
  }
  if (arguments.json_file.empty()) return 0;
  const Status written = write_json_file(arguments.json_file, {{"keys", std::move(rows)}});
  return written ? 0 : failed(written.error());
}

int revoke(const KeysArguments& arguments) {
  const auto config = config_of(arguments);
  if (!config) return failed(config.error());
  for (const ApiKey& key : config->keys) {
    if (key.name != arguments.name) continue;
    return failed({ErrorCode::conflict, "key '" + key.name +
                                            "' is in the config; take it out there and restart "
                                            "the daemon"});
  }
  const Status revoked = file_of(*config).revoke(arguments.name, system_clock_now());
  if (!revoked) return failed(revoked.error());
  std::cerr << "Key '" << arguments.name
            << "' is revoked. A running daemon refuses it within a second.\n";
  return 0;
}

void add_config_option(CLI::App* command, KeysArguments& arguments) {
  command->add_option("--config", arguments.config,
                      "The daemon's config, which names data_dir; left out: the embedded demo");
}

void add_limits(CLI::App* command, KeysArguments& arguments) {
  ApiKey& limits = arguments.limits;
  command->add_option("--scopes", arguments.scopes, "Of route, feedback, admin")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--models", limits.models, "Models that it may use; left out: all")
      ->delimiter(',');
  command->add_option("--deny-models", limits.deny_models, "Models that it may not use")
      ->delimiter(',');
  command
      ->add_option("--require-tags", limits.require_tags, "Of models that it may use, all of them")
      ->delimiter(',');
  command->add_option("--exclude-tags", limits.exclude_tags, "Of models that it may not use")
      ->delimiter(',');
  command->add_option("--expires", arguments.expires,
                      "From when on it is refused, such as 2027-01-31T12:00:00Z");
  command->add_option("--requests-per-minute", limits.requests_per_minute, "0: no limit");
  command->add_option("--tokens-per-minute", limits.tokens_per_minute,
                      "Input and output together; 0: no limit");
  command->add_option("--feedback-per-minute", limits.feedback_per_minute,
                      "Values of feedback; 0: no limit");
  command->add_option("--budget-usd-per-day", limits.budget_usd_per_day, "0: no limit")
      ->check(CLI::NonNegativeNumber);
}

}  // namespace

void add_keys(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<KeysArguments>();
  CLI::App* command = app.add_subcommand("keys", "Make, list and revoke API keys");
  command->require_subcommand(1);
  command->footer("Example: yardmaster keys add app --config yardmaster.yaml");

  CLI::App* adding = command->add_subcommand(
      "add", "Make a key; its secret goes to standard output, once, and is kept nowhere");
  adding->footer(
      "A running daemon takes the key within a second.\n\n"
      "Example:\n"
      "  KEY=$(yardmaster keys add app --config yardmaster.yaml --requests-per-minute 600)");
  adding->add_option("NAME", arguments->name, "What the decision log calls it")->required();
  add_config_option(adding, *arguments);
  add_limits(adding, *arguments);
  adding->callback([arguments, &exit_code] { exit_code = add(*arguments); });

  CLI::App* listing = command->add_subcommand("list", "What each key may do, without secrets");
  listing->footer("Example: yardmaster keys list --config yardmaster.yaml");
  add_config_option(listing, *arguments);
  listing->add_option("--json", arguments->json_file, "File to write the same to, as JSON");
  listing->callback([arguments, &exit_code] { exit_code = list(*arguments); });

  CLI::App* revoking = command->add_subcommand("revoke", "Have a key refused from now on");
  revoking->footer("Example: yardmaster keys revoke app --config yardmaster.yaml");
  revoking->add_option("NAME", arguments->name, "The key's name")->required();
  add_config_option(revoking, *arguments);
  revoking->callback([arguments, &exit_code] { exit_code = revoke(*arguments); });
}

}  // namespace yardmaster::agent
