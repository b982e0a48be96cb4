#include "agent/commands/warm_start.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>

#include "agent/assembly.h"
#include "agent/commands/json_file.h"
#include "agent/config.h"
#include "agent/learning.h"
#include "agent/logs/load.h"
#include "agent/progress.h"

namespace yardmaster::agent {
namespace {

struct WarmStartArguments {
  std::string config;
  std::string from;
  std::string format;
  std::string router;
  std::string json;
};

int failed(const Error& error) {
  std::cerr << "warm-start: " << error.message << '\n';
  return 1;
}

Result<const RouterConfig*> find_router(const Config& config, const std::string& name) {
  for (const RouterConfig& router : config.routers) {
    if (name.empty() || router.name == name) return &router;
  }
  return fail(ErrorCode::not_found,
              "the config has no router " + name + "; name one of its routers");
}

/// The same for encoders that are to take over, which is the running daemon's to decide.
Status learn_successors(const Assembly& assembly, const replay::Store& store) {
  auto successions = assembly.make_successions(store);
  if (!successions) return fail(successions.error());
  for (const auto& succession : *successions) {
    if (succession == nullptr) continue;
    for (bool more = true; more;) {
      const auto left = succession->catch_up(store, store.stats().rows);
      if (!left) return fail(left.error());
      more = *left;
    }
    if (Status saved = succession->save(); !saved) return saved;
    const LearnerStatus status = succession->learner().status();
    std::cout << "router " << status.router << ", its next encoder "
              << succession->state().successor->name << ": learned " << status.learned
              << " rows, passed over " << status.passed_over << '\n';
  }
  return {};
}

/// The learners' newest states, the new rows included, as snapshots on disk: the daemon then
/// starts with them.
Status learn(Assembly& assembly, const replay::Store& store) {
  if (Status settled = assembly.settle_encoders(store); !settled) return settled;
  auto learners = assembly.make_learners();
  if (!learners) return fail(learners.error());
  for (const auto& learner : *learners) {
    for (const std::string& refused : learner->recover(store)) std::cerr << refused << '\n';
  }
  ProgressBar bar(std::cerr, stderr_is_terminal(), "rows learned",
                  std::chrono::steady_clock::now());
  const Status learned =
      learn_to_head(*learners, store, [&](std::uint64_t done, std::uint64_t total) {
        bar.update(done, total, std::chrono::steady_clock::now());
      });
  bar.finish();
  if (!learned) return learned;
  for (const auto& learner : *learners) {
    const LearnerStatus status = learner->status();
    std::cout << "router " << status.router << ": learned " << status.learned
              << " rows, passed over " << status.passed_over << ", refused " << status.refused
              << (status.last_error.empty() ? "" : " (" + status.last_error + ")") << '\n';
    if (status.failed) {
      return fail(ErrorCode::corrupt,
                  "router " + status.router + " cannot learn: " + status.last_error);
    }
  }
  return learn_successors(assembly, store);
}

Result<LogReport> append_log(const WarmStartArguments& arguments, std::optional<LogFormat> format,
                             const RowMaker& maker, replay::Store& store) {
  ProgressBar bar(std::cerr, stderr_is_terminal(), "bytes", std::chrono::steady_clock::now());
  auto report = read_rows(
      arguments.from, format, maker, store, system_clock_now(),
      [&](std::vector<TrainingRow> rows) { return append_and_wait(store, std::move(rows)); },
      [&](std::uint64_t done, std::uint64_t total) {
        bar.update(done, total, std::chrono::steady_clock::now());
      });
  bar.finish();
  return report;
}

int run_warm_start(const WarmStartArguments& arguments) {
  std::optional<LogFormat> format;
  if (!arguments.format.empty()) format = *parse_log_format(arguments.format);
  const auto config = load_config(arguments.config);
  if (!config) return failed(config.error());
  const auto router = find_router(*config, arguments.router);
  if (!router) return failed(router.error());
  auto assembly = Assembly::make(*config);
  if (!assembly) return failed(assembly.error());
  const auto store = assembly->open_store();
  if (!store) return failed(store.error());

  const ObjectiveWeights weights{config->objective.cost_weight, config->objective.latency_weight};
  const RowMaker maker(assembly->encoder_of(**router), assembly->pool(), assembly->objective(),
                       weights);
  const auto report = append_log(arguments, format, maker, **store);
  if (!report) return failed(report.error());
  report->print(std::cout);
  if (!arguments.json.empty()) {
    if (Status written = write_json_file(arguments.json, report->json()); !written) {
      return failed(written.error());
    }
  }
  if (Status learned = learn(*assembly, **store); !learned) return failed(learned.error());
  if (report->lines_used() == 0) {
    return failed({ErrorCode::invalid_argument, "no line of the log could be used"});
  }
  return 0;
}

}  // namespace

void add_warm_start(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<WarmStartArguments>();
  CLI::App* command = app.add_subcommand(
      "warm-start", "Learn from a log before the daemon starts, or between runs");
  command->footer(
      "Stop the daemon first. Lines that cannot be used are counted, with the reasons.\n"
      "docs/warm-start.md describes the formats.\n\n"
      "Example:\n"
      "  yardmaster warm-start --config yardmaster.yaml --from outcomes.jsonl");
  command->add_option("--config", arguments->config, "The daemon's config")->required();
  command->add_option("--from", arguments->from, "The log, JSON lines")->required();
  command->add_option("--format", arguments->format, "Left out: told from the first line")
      ->check(CLI::IsMember({"outcomes", "decisions", "litellm"}));
  command->add_option("--router", arguments->router,
                      "Whose encoder makes the features; left out: the config's first");
  command->add_option("--json", arguments->json, "Also write the counts to this file");
  command->callback([arguments, &exit_code] { exit_code = run_warm_start(*arguments); });
}

}  // namespace yardmaster::agent
