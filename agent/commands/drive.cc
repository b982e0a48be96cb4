#include "agent/commands/drive.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <memory>

#include "agent/commands/json_file.h"
#include "agent/drive/driver.h"
#include "agent/drive/report.h"
#include "agent/http/tls.h"
#include "agent/progress.h"

namespace yardmaster::agent {
namespace {

constexpr std::uint64_t kBuiltInQueries = 5000;

struct DriveArguments {
  std::string url;
  std::string data;
  std::uint64_t queries = 0;
  std::size_t concurrency = 8;
  std::uint64_t seed = 0;
  std::uint64_t world_seed = 0;
  std::string metric = "quality";
  std::string router;
  std::string api_key_env;
  std::string ca_file;
  std::string json;
  bool chat = false;
};

int failed(const Error& error) {
  std::cerr << "drive: " << error.message << '\n';
  return 1;
}

Result<Workload> make_workload(const DriveArguments& arguments, const DaemonInfo& daemon) {
  if (!arguments.data.empty()) {
    return data_workload(daemon, arguments.data, arguments.seed, arguments.queries);
  }
  if (!daemon.simulated) {
    return fail(ErrorCode::invalid_argument,
                "the daemon has real models, and the built-in queries know the worth of simulated "
                "ones only: it would learn what is not true; give outcomes with --data");
  }
  return built_in_workload(daemon, arguments.world_seed, arguments.seed,
                           arguments.queries == 0 ? kBuiltInQueries : arguments.queries);
}

Result<DriveOptions> make_options(const DriveArguments& arguments) {
  auto endpoint = parse_http_endpoint(arguments.url);
  if (!endpoint) return fail(endpoint.error());
  DriveOptions options;
  options.endpoint = std::move(*endpoint);
  if (options.endpoint.tls) {
    auto tls = make_client_tls(arguments.ca_file);
    if (!tls) return fail(tls.error());
    options.tls = std::move(*tls);
  }
  options.concurrency = arguments.concurrency;
  options.metric = arguments.metric;
  options.router = arguments.router;
  options.chat = arguments.chat;
  if (!arguments.api_key_env.empty()) {
    const char* key = std::getenv(arguments.api_key_env.c_str());
    if (key == nullptr) {
      return fail(ErrorCode::invalid_argument,
                  "the environment has no variable " + arguments.api_key_env + "; set it to a key");
    }
    options.api_key = key;
  }
  return options;
}

int run_drive(const DriveArguments& arguments) {
  auto options = make_options(arguments);
  if (!options) {
    failed(options.error());
    return 2;
  }
  const auto daemon = ask_daemon_info(*options);
  if (!daemon) return failed(daemon.error());
  if (options->router.empty()) options->router = daemon->router;
  const auto workload = make_workload(arguments, *daemon);
  if (!workload) return failed(workload.error());
  if (workload->refused_lines > 0) {
    std::cerr << "drive: passed over " << workload->refused_lines
              << " lines that are malformed or hold no model of the daemon\n";
  }

  ProgressBar bar(std::cerr, stderr_is_terminal(), "queries", std::chrono::steady_clock::now());
  const DriveTally tally = drive(*options, *workload, [&](std::uint64_t done) {
    bar.update(done, workload->order.size(), std::chrono::steady_clock::now());
  });
  bar.finish();
  const DriveReport report = summarise(*workload, tally, daemon->weights);
  print_report(std::cout, report, tally, daemon->weights);
  if (!arguments.json.empty()) {
    const Status written =
        write_json_file(arguments.json, report_json(report, tally, daemon->weights));
    if (!written) return failed(written.error());
  }
  return report.lossless ? 0 : 1;
}

}  // namespace

void add_drive(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<DriveArguments>();
  CLI::App* command = app.add_subcommand(
      "drive", "Send queries to a running daemon, post their feedback, and say how well it chose");
  command->footer(
      "Each query is a decision (/v1/route), its outcome and its feedback, whose truth is known\n"
      "beforehand: from an outcome data set, or, for the built-in queries, from the simulated\n"
      "world that kind simulated upstreams answer from. Exits with 1 if anything was lost.\n\n"
      "Example:\n"
      "  yardmaster drive --url http://127.0.0.1:8080\n"
      "  yardmaster drive --url http://127.0.0.1:8080 --data outcomes.jsonl --concurrency 1");
  command->add_option("--url", arguments->url, "The daemon, like http://127.0.0.1:8080, or https")
      ->required();
  command->add_option("--ca-file", arguments->ca_file,
                      "PEM file with the authorities to trust for https; left out: the system's");
  command->add_option("--data", arguments->data,
                      "Outcome data set (JSON lines); left out: built-in queries");
  command
      ->add_option("--queries", arguments->queries,
                   "How many to send; default 5000 built-in ones, or the data once")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--concurrency", arguments->concurrency, "Connections, one query at a time each")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--seed", arguments->seed, "Order of the data, or which built-in queries")
      ->capture_default_str();
  command
      ->add_option("--world-seed", arguments->world_seed,
                   "The seed of the daemon's simulated upstream")
      ->capture_default_str();
  command->add_option("--metric", arguments->metric, "The metric that the feedback carries")
      ->capture_default_str();
  command->add_option("--router", arguments->router, "The daemon's router; left out: its first");
  command->add_option("--api-key-env", arguments->api_key_env,
                      "Name of the environment variable that holds an API key");
  command->add_option("--json", arguments->json, "Also write the results to this file");
  CLI::Option* chat = command->add_flag(
      "--chat", arguments->chat, "Call /v1/chat/completions: the daemon calls the models itself");
  chat->excludes(command->get_option("--data"));
  command->callback([arguments, &exit_code] { exit_code = run_drive(*arguments); });
}

}  // namespace yardmaster::agent
