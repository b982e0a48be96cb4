#include "agent/commands/import.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "agent/assembly.h"
#include "agent/commands/json_file.h"
#include "agent/config.h"
#include "agent/logs/load.h"
#include "agent/progress.h"

namespace yardmaster::agent {
namespace {

struct ImportArguments {
  std::string config;
  std::string from;
  std::string json;
};

int failed(const Error& error) {
  std::cerr << "import: " << error.message << '\n';
  return 1;
}

int run_import(const ImportArguments& arguments) {
  const auto config = load_config(arguments.config);
  if (!config) return failed(config.error());
  const auto assembly = Assembly::make(*config);
  if (!assembly) return failed(assembly.error());
  const auto store = assembly->open_store();
  if (!store) return failed(store.error());

  const std::uint64_t before = (*store)->stats().decisions;
  ProgressBar bar(std::cerr, stderr_is_terminal(), "bytes", std::chrono::steady_clock::now());
  const auto report = import_decisions(
      arguments.from, **store, [&](DecisionRecord& record) { assembly->texts().apply(record); },
      [&](std::uint64_t done, std::uint64_t total) {
        bar.update(done, total, std::chrono::steady_clock::now());
      });
  bar.finish();
  if (!report) return failed(report.error());
  const std::uint64_t imported = (*store)->stats().decisions - before;
  const std::uint64_t skipped = report->lines_used() - imported;
  report->print(std::cout);
  std::cout << "imported " << imported << " decisions, skipped " << skipped
            << " that were there already\n";
  if (!arguments.json.empty()) {
    boost::json::object results = report->json();
    results["imported"] = imported;
    results["skipped"] = skipped;
    if (Status written = write_json_file(arguments.json, results); !written) {
      return failed(written.error());
    }
  }
  return report->lines_refused() == 0 ? 0 : 1;
}

}  // namespace

void add_import(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ImportArguments>();
  CLI::App* command = app.add_subcommand("import", "Read exported decisions into a data directory");
  command->footer(
      "Stop the daemon first. Decisions that are there already are skipped, so an import may be\n"
      "repeated. Texts of queries come along as the config's store_queries says. Exits with 1 if "
      "a\n"
      "line was refused.\n\n"
      "Example:\n"
      "  yardmaster import --config yardmaster.yaml --from decisions.jsonl");
  command->add_option("--config", arguments->config, "The daemon's config, which names data_dir")
      ->required();
  command->add_option("--from", arguments->from, "The JSON lines that export wrote")->required();
  command->add_option("--json", arguments->json, "Also write the counts to this file");
  command->callback([arguments, &exit_code] { exit_code = run_import(*arguments); });
}

}  // namespace yardmaster::agent
