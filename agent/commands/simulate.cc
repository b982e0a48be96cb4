#include "agent/commands/simulate.h"

#include <CLI/CLI.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "agent/progress.h"
#include "agent/simulation.h"
#include "agent/simulation_report.h"
#include "env/encoder.h"
#include "policies/policy.h"

namespace yardmaster::agent {
namespace {

constexpr std::size_t kRefusedShown = 5;

struct SimulateArguments {
  std::string data;
  std::vector<std::string> policies{"default"};
  std::string encoder = "static";
  std::string assets;  ///< empty: what is built in
  std::string warm_start;
  std::string json;
  SimulationOptions options;
};

int failed(const Error& error) {
  std::cerr << "simulate: " << error.message << '\n';
  return error.code == ErrorCode::invalid_argument ? 2 : 1;
}

/// `all` stands for every policy; baselines are always there, so they are not run as policies.
std::vector<std::string> policies_to_run(const std::vector<std::string>& asked) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& name) {
    const bool baseline = name == "random" || name == "best_fixed" || name == "oracle";
    if (!baseline && std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  };
  for (const std::string& name : asked) {
    if (name != "all") {
      add(name);
      continue;
    }
    for (const std::string& known : policies::policy_names()) add(known);
  }
  return out;
}

/// Fails on a name that no policy has, before the data is read.
Status check_policies(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    policies::PolicyOptions options;
    options.dimension = 1;
    if (auto made = policies::make_learner(name, options); !made) return fail(made.error());
  }
  return {};
}

Result<SimulationData> load(const std::string& path, const env::Encoder& encoder) {
  ProgressBar bar(std::cerr, stderr_is_terminal(), "reading, percent",
                  std::chrono::steady_clock::now());
  auto data = load_simulation_data(path, encoder, [&](double part) {
    bar.update(static_cast<std::uint64_t>(100 * part), 100, std::chrono::steady_clock::now());
  });
  bar.finish();
  if (!data) return fail(ErrorCode::io, data.error().message);
  for (std::size_t i = 0; i < std::min(kRefusedShown, data->refused.size()); ++i) {
    std::cerr << "simulate: " << path << " line " << data->refused[i].line
              << " refused: " << data->refused[i].reason << '\n';
  }
  if (data->refused.size() > kRefusedShown) {
    std::cerr << "simulate: " << path << ": " << data->refused.size() << " lines refused in all\n";
  }
  return data;
}

Result<std::vector<SimulationResult>> run_policies(const SimulationData& data,
                                                   const std::vector<std::string>& names,
                                                   const SimulationOptions& options) {
  std::vector<SimulationResult> results;
  for (const std::string& name : names) {
    ProgressBar bar(std::cerr, stderr_is_terminal(), name + ", percent",
                    std::chrono::steady_clock::now());
    auto result = simulate(data, name, options, [&](double part) {
      bar.update(static_cast<std::uint64_t>(100 * part), 100, std::chrono::steady_clock::now());
    });
    bar.finish();
    if (!result) return fail(result.error());
    results.push_back(std::move(*result));
  }
  for (SimulationResult& baseline : simulate_baselines(data, options)) {
    results.push_back(std::move(baseline));
  }
  return results;
}

int run_simulate(SimulateArguments& arguments) {
  for (const double number : {arguments.options.weights.cost, arguments.options.weights.latency,
                              arguments.options.half_life_decisions}) {
    if (!std::isfinite(number)) {
      std::cerr << "simulate: weights and half-life must be finite numbers\n";
      return 2;
    }
  }
  const auto names = policies_to_run(arguments.policies);
  if (auto checked = check_policies(names); !checked) return failed(checked.error());
  const auto encoder = env::make_encoder(arguments.encoder, arguments.assets);
  if (!encoder) return failed(encoder.error());
  const auto data = load(arguments.data, **encoder);
  if (!data) return failed(data.error());
  SimulationData warm;
  if (!arguments.warm_start.empty()) {
    auto loaded = load(arguments.warm_start, **encoder);
    if (!loaded) return failed(loaded.error());
    warm = std::move(*loaded);
    arguments.options.warm_start = &warm;
  }
  const auto results = run_policies(*data, names, arguments.options);
  if (!results) return failed(results.error());
  print_table(std::cout, *data, arguments.options, *results);
  if (!arguments.json.empty()) {
    std::ofstream file(arguments.json);
    file << boost::json::serialize(results_json(arguments.data, *data, arguments.options, *results))
         << '\n';
    if (!file.flush()) {
      return failed({ErrorCode::io, "cannot write '" + arguments.json + "'; check the path"});
    }
  }
  return 0;
}

}  // namespace

void add_simulate(CLI::App& app, int& exit_code) {
  auto* command =
      app.add_subcommand("simulate", "Replay a data set as an environment and compare policies");
  auto arguments = std::make_shared<SimulateArguments>();
  SimulationOptions& options = arguments->options;
  command->add_option("--data", arguments->data, "outcome data set, JSON lines")
      ->required()
      ->type_name("FILE");
  command->add_option("--policy", arguments->policies, "policies by comma, or all")
      ->delimiter(',')
      ->capture_default_str()
      ->type_name("NAMES");
  command->add_option("--encoder", arguments->encoder, "what turns queries into features")
      ->capture_default_str()
      ->type_name("NAME");
  command->add_option("--assets", arguments->assets, "directory of the encoders' tables")
      ->type_name("DIR");
  command->add_option("--cost-weight", options.weights.cost, "quality that a USD is worth")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--latency-weight", options.weights.latency, "quality that a second is worth")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--seeds", options.seeds, "seeds by comma; each is a run of its own")
      ->delimiter(',')
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--rounds", options.rounds, "decisions a seed; 0: once through the data")
      ->capture_default_str();
  command
      ->add_option("--feedback-delay", options.feedback_delay,
                   "decisions between a choice and the learning of it")
      ->capture_default_str();
  command
      ->add_option("--feedback-rate", options.feedback_rate,
                   "part of the decisions whose quality becomes known")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      ->add_option("--half-life", options.half_life_decisions,
                   "decisions after which an observation counts half; 0: never forget")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      ->add_option("--warm-start", arguments->warm_start,
                   "outcome data set learned first, with every model's outcome")
      ->type_name("FILE");
  command->add_option("--json", arguments->json, "write the results here too")->type_name("FILE");
  command->footer(
      "Example:\n"
      "  yardmaster simulate --data outcomes.jsonl --policy lints,linucb --cost-weight 30 \\\n"
      "    --seeds 0,1,2,3,4 --json results.json");
  command->callback([arguments, &exit_code] { exit_code = run_simulate(*arguments); });
}

}  // namespace yardmaster::agent
