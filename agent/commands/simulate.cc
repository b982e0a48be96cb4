#include "agent/commands/simulate.h"

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "agent/commands/json_file.h"
#include "agent/progress.h"
#include "agent/simulation.h"
#include "agent/simulation/cascade.h"
#include "agent/simulation/plot.h"
#include "agent/simulation/report.h"
#include "env/encoder.h"
#include "policies/policy.h"

namespace yardmaster::agent {
namespace {

constexpr std::size_t kRefusedShown = 5;

/// Where programs keep what they can make again (XDG Base Directory Specification).
std::string default_cache_directory() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != '\0') {
    return std::string(cache) + "/yardmaster";
  }
  const char* home = std::getenv("HOME");
  return home == nullptr || *home == '\0' ? "" : std::string(home) + "/.cache/yardmaster";
}

struct SimulateArguments {
  std::string data;
  std::vector<std::string> policies{"default"};
  std::string encoder = "static";
  env::EncoderFiles encoder_files{.cache_directory = default_cache_directory()};
  std::string warm_start;
  std::string json;
  std::string plot;
  std::string feedback_delay = "0";
  std::vector<std::string> judge_bias, price_changes, degradations, added, removed;
  std::vector<double> cost_weights{ObjectiveWeights{}.cost};
  std::uint64_t warm_logs = 0, warm_full = 0;
  SimulationOptions options;
  bool cascade = false;
  CascadeOptions cascade_options;
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

/// Fails on a name that no policy has; with `models`, on a fixed model that is not among them.
Status check_policies(const std::vector<std::string>& names,
                      const std::vector<std::string>& models) {
  for (const std::string& name : names) {
    policies::PolicyOptions options;
    options.dimension = 1;
    options.models = models;
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
  auto baselines = simulate_baselines(data, options);
  if (!baselines) return fail(baselines.error());
  for (SimulationResult& baseline : *baselines) results.push_back(std::move(baseline));
  return results;
}

/// What plays the queries as cascades; which players there are is not for the caller to choose.
Result<std::vector<SimulationResult>> run_cascade(const SimulationData& data,
                                                  const SimulateArguments& arguments) {
  CascadeOptions options = arguments.cascade_options;
  options.cost_weight = arguments.options.weights.cost;
  options.seeds = arguments.options.seeds;
  options.rounds = arguments.options.rounds;
  ProgressBar bar(std::cerr, stderr_is_terminal(), "ppo, percent",
                  std::chrono::steady_clock::now());
  auto results = simulate_cascade(data, options, [&](double part) {
    bar.update(static_cast<std::uint64_t>(100 * part), 100, std::chrono::steady_clock::now());
  });
  bar.finish();
  return results;
}

/// Reads the flags that hold more than a number.
Status read_scenario(SimulateArguments& arguments) {
  SimulationOptions& options = arguments.options;
  auto delay = parse_delay(arguments.feedback_delay);
  if (!delay) return fail(delay.error());
  options.feedback.delay = *delay;
  for (const std::string& text : arguments.judge_bias) {
    auto bias = parse_bias(text);
    if (!bias) return fail(bias.error());
    options.feedback.biases.push_back(std::move(*bias));
  }
  using Kind = ScenarioEvent::Kind;
  for (const auto& [kind, texts] : {std::pair{Kind::price, &arguments.price_changes},
                                    {Kind::quality, &arguments.degradations},
                                    {Kind::add, &arguments.added},
                                    {Kind::remove, &arguments.removed}}) {
    for (const std::string& text : *texts) {
      auto event = parse_event(kind, text);
      if (!event) return fail(event.error());
      options.events.push_back(std::move(*event));
    }
  }
  if (arguments.warm_logs > 0 && arguments.warm_full > 0) {
    return fail(ErrorCode::invalid_argument,
                "--warm-logs and --warm-full take the same rows; give one of them");
  }
  options.warm_full = arguments.warm_full > 0;
  options.warm_rows = std::max(arguments.warm_logs, arguments.warm_full);
  return {};
}

/// Every policy at every cost weight: prints a table each, fills what is to be plotted, and gives
/// what --json writes: for one weight its object, for several {"runs": [...]}.
Result<boost::json::object> run_all(const SimulationData& data,
                                    const std::vector<std::string>& names,
                                    SimulateArguments& arguments, std::vector<PlotRun>& plotted) {
  boost::json::array runs;
  for (const double cost_weight : arguments.cost_weights) {
    arguments.options.weights.cost = cost_weight;
    auto results = arguments.cascade ? run_cascade(data, arguments)
                                     : run_policies(data, names, arguments.options);
    if (!results) return fail(results.error());
    if (!runs.empty()) std::cout << '\n';
    print_table(std::cout, data, arguments.options, *results);
    runs.push_back(results_json(arguments.data, data, arguments.options, *results));
    plotted.push_back({cost_weight, std::move(*results)});
  }
  if (runs.size() == 1) return std::move(runs.front().as_object());
  return boost::json::object{{"runs", std::move(runs)}};
}

Status write_plot(const SimulateArguments& arguments, const SimulationData& data,
                  const std::vector<PlotRun>& runs) {
  const auto world = make_world(data, arguments.options);
  if (!world) return fail(world.error());
  std::ostringstream title;
  title << data.rows() << " queries, " << data.models.size() << " models, "
        << arguments.options.seeds.size() << " seeds, encoder " << data.encoder;
  std::ofstream file(arguments.plot);
  file << plot_svg(title.str(), runs, fixed_models(*world));
  if (file.flush()) return {};
  return fail(ErrorCode::io, "cannot write " + arguments.plot + "; check the path and the disk");
}

int run_simulate(SimulateArguments& arguments) {
  std::vector<double> numbers = arguments.cost_weights;
  numbers.push_back(arguments.options.weights.latency);
  numbers.push_back(arguments.options.half_life_decisions);
  numbers.push_back(arguments.options.feedback.judge_noise);
  for (const double number : numbers) {
    if (!std::isfinite(number)) {
      std::cerr << "simulate: weights, half-life and noise must be finite numbers\n";
      return 2;
    }
  }
  if (auto read = read_scenario(arguments); !read) return failed(read.error());
  const auto names = policies_to_run(arguments.policies);
  if (auto checked = check_policies(names, {}); !checked) return failed(checked.error());
  const auto encoder = env::make_encoder(arguments.encoder, arguments.encoder_files);
  if (!encoder) return failed(encoder.error());
  const auto data = load(arguments.data, **encoder);
  if (!data) return failed(data.error());
  if (auto checked = check_policies(names, data->models); !checked) return failed(checked.error());
  SimulationData warm;
  if (!arguments.warm_start.empty()) {
    auto loaded = load(arguments.warm_start, **encoder);
    if (!loaded) return failed(loaded.error());
    warm = std::move(*loaded);
    arguments.options.warm_start = &warm;
  }
  std::vector<PlotRun> runs;
  const auto json = run_all(*data, names, arguments, runs);
  if (!json) return failed(json.error());
  if (!arguments.plot.empty()) {
    if (auto drawn = write_plot(arguments, *data, runs); !drawn) return failed(drawn.error());
  }
  if (arguments.json.empty()) return 0;
  const auto written = write_json_file(arguments.json, *json);
  return written ? 0 : failed(written.error());
}

void add_run_flags(CLI::App& command, SimulateArguments& arguments) {
  SimulationOptions& options = arguments.options;
  command.add_option("--data", arguments.data, "outcome data set, JSON lines")
      ->required()
      ->type_name("FILE");
  command.add_option("--policy", arguments.policies, "policies by comma, or all")
      ->delimiter(',')
      ->capture_default_str()
      ->type_name("NAMES");
  command.add_option("--encoder", arguments.encoder, "what turns queries into features")
      ->capture_default_str()
      ->type_name("NAME");
  command
      .add_option("--assets", arguments.encoder_files.asset_directory,
                  "directory of the encoders' tables")
      ->type_name("DIR");
  command
      .add_option("--cache", arguments.encoder_files.cache_directory,
                  "directory in which slow encoders keep vectors of texts; '' keeps none")
      ->capture_default_str()
      ->type_name("DIR");
  command
      .add_option("--cost-weight", arguments.cost_weights,
                  "quality that a USD is worth; several by comma are runs of their own")
      ->delimiter(',')
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--latency-weight", options.weights.latency, "quality that a second is worth")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--seeds", options.seeds, "seeds by comma; each is a run of its own")
      ->delimiter(',')
      ->capture_default_str()
      ->type_name("N");
  command.add_option("--rounds", options.rounds, "decisions a seed; 0: once through the data")
      ->capture_default_str();
  command
      .add_option("--half-life", options.half_life_decisions,
                  "decisions after which an observation counts half; 0: never forget")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      .add_option("--budget", options.budget.usd_per_query,
                  "USD a query that spending is kept to; 0: none")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->type_name("USD_PER_QUERY");
  command
      .add_option("--plot", arguments.plot,
                  "draw learning curves and quality against cost here, as SVG")
      ->type_name("FILE.svg");
  command.add_option("--json", arguments.json, "write the results here too")->type_name("FILE");
}

void add_feedback_flags(CLI::App& command, SimulateArguments& arguments) {
  FeedbackModel& feedback = arguments.options.feedback;
  command
      .add_option("--feedback-delay", arguments.feedback_delay,
                  "decisions between a choice and the learning of it: N, exp:MEAN or "
                  "uniform:LEAST:MOST")
      ->capture_default_str()
      ->type_name("DELAY");
  command
      .add_option("--feedback-rate", feedback.rate,
                  "part of the decisions whose quality becomes known")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      .add_option("--judge-noise", feedback.judge_noise,
                  "standard deviation of what a judge adds to the quality that is learned")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      .add_option("--judge-bias", arguments.judge_bias,
                  "what the judge adds to every quality of one model; may be repeated")
      ->type_name("MODEL=SHIFT");
}

void add_change_flags(CLI::App& command, SimulateArguments& arguments) {
  command
      .add_option("--price-change", arguments.price_changes,
                  "from a round on a model costs FACTOR times as much; the policy is told its "
                  "price. ROUND is a number or such as 50%")
      ->type_name("MODEL=FACTOR@ROUND");
  command
      .add_option("--degrade", arguments.degradations,
                  "from a round on a model's quality is FACTOR times as high, and nobody says so. "
                  "MODEL best is the best fixed one")
      ->type_name("MODEL=FACTOR@ROUND");
  command.add_option("--add-model", arguments.added, "a model that is no candidate before a round")
      ->type_name("MODEL@ROUND");
  command.add_flag("!--no-traits", arguments.options.traits,
                   "a model that is new starts from nothing, whatever models.json says of it");
  command
      .add_option("--remove-model", arguments.removed,
                  "a model that is no candidate from a round on")
      ->type_name("MODEL@ROUND");
}

void add_warm_flags(CLI::App& command, SimulateArguments& arguments) {
  command
      .add_option("--warm-start", arguments.warm_start,
                  "outcome data set learned first, with every model's outcome")
      ->type_name("FILE");
  command
      .add_option("--warm-logs", arguments.warm_logs,
                  "so many of the rows are learned first as logs of a uniformly random choice, and "
                  "not played")
      ->type_name("N");
  command
      .add_option("--warm-full", arguments.warm_full, "the same rows with every model's outcome")
      ->type_name("N");
}

void add_cascade_flags(CLI::App& command, SimulateArguments& arguments) {
  CascadeOptions& options = arguments.cascade_options;
  command
      .add_flag("--cascade", arguments.cascade,
                "play queries as cascades of drafts that a judge scores: ppo, a tuned ladder, each "
                "fixed model")
      ->excludes("--policy");
  command.add_option("--tries", options.tries, "drafts after which a cascade is cut off")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command
      .add_option("--judge-error", options.judge_error,
                  "probability with which a draft's score is turned round")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
}

}  // namespace

void add_simulate(CLI::App& app, int& exit_code) {
  auto* command =
      app.add_subcommand("simulate", "Replay a data set as an environment and compare policies");
  auto arguments = std::make_shared<SimulateArguments>();
  add_run_flags(*command, *arguments);
  add_feedback_flags(*command, *arguments);
  add_change_flags(*command, *arguments);
  add_warm_flags(*command, *arguments);
  add_cascade_flags(*command, *arguments);
  command->footer(
      "Example:\n"
      "  yardmaster simulate --data outcomes.jsonl --policy lints,linucb --cost-weight 30 \\\n"
      "    --seeds 0,1,2,3,4 --json results.json\n"
      "The best model becomes half as good at half time, unannounced:\n"
      "  yardmaster simulate --data outcomes.jsonl --degrade best=0.5@50%");
  command->callback([arguments, &exit_code] { exit_code = run_simulate(*arguments); });
}

}  // namespace yardmaster::agent
