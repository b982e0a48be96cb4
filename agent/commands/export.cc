#include "agent/commands/export.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "agent/config.h"
#include "agent/data_directory.h"
#include "agent/progress.h"
#include "agent/text_rules.h"
#include "base/time.h"
#include "replay/decision_log.h"
#include "replay/store.h"

namespace yardmaster::agent {
namespace {

struct ExportArguments {
  std::string config;
  std::string data_dir;
  std::uint64_t from = 1;
  std::string output;
  std::vector<std::string> forget_keys;
};

int failed(const Error& error) {
  std::cerr << "export: " << error.message << '\n';
  return 1;
}

/// What is exported, and by which rules for texts.
struct Source {
  DataDirectory directory;
  TextRules texts;
};

Result<Source> source_of(const ExportArguments& arguments) {
  if (!arguments.data_dir.empty()) return Source{{arguments.data_dir}, {}};
  const auto config = load_config(arguments.config);
  if (!config) return fail(config.error());
  auto texts = TextRules::make(config->store_queries);
  if (!texts) return fail(texts.error());
  return Source{{config->data_dir}, std::move(*texts)};
}

/// Writes the decisions and returns how many there were.
Result<std::uint64_t> write_decisions(const replay::Store& store, const ExportArguments& arguments,
                                      const TextRules& texts, std::ostream& out) {
  const Timestamp now = system_clock_now();
  const auto is_forgotten = [&](const Feedback& feedback) {
    const auto& keys = arguments.forget_keys;
    return std::find(keys.begin(), keys.end(), feedback.key_scope) != keys.end();
  };
  std::uint64_t written = 0;
  const std::uint64_t newest = store.stats().decisions;
  ProgressBar bar(std::cerr, stderr_is_terminal(), "decisions", std::chrono::steady_clock::now());
  const Status read = store.for_each_decision(arguments.from, [&](DecisionRecord record) {
    std::erase_if(record.feedback, is_forgotten);
    texts.forget(record.decision, now);  // also where no daemon has run since
    out << replay::to_json_line(record) << '\n';
    bar.update(record.sequence, newest, std::chrono::steady_clock::now());
    ++written;
    return out.good();
  });
  bar.finish();
  if (!read) return fail(read.error());
  if (!out.flush()) {
    return fail(ErrorCode::io, "the decisions could not be written; is the disk full?");
  }
  return written;
}

int run_export(const ExportArguments& arguments) {
  const auto source = source_of(arguments);
  if (!source) return failed(source.error());
  const auto store = replay::Store::open_read_only(source->directory.store());
  if (!store) return failed(store.error());
  std::ofstream file;
  if (!arguments.output.empty()) {
    file.open(arguments.output, std::ios::binary | std::ios::trunc);
    if (!file) {
      return failed({ErrorCode::io, "cannot write " + arguments.output + "; check the path"});
    }
  }
  std::ostream& out = arguments.output.empty() ? std::cout : file;
  const auto written = write_decisions(**store, arguments, source->texts, out);
  if (!written) return failed(written.error());
  std::cerr << "exported " << *written << " decisions\n";
  return 0;
}

}  // namespace

void add_export(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ExportArguments>();
  CLI::App* command =
      app.add_subcommand("export", "Write decisions with all that came of them as JSON lines");
  command->footer(
      "Works while a daemon runs, and gives everything that it acknowledged before.\n\n"
      "Example:\n"
      "  yardmaster export --config yardmaster.yaml --output decisions.jsonl");
  auto* where = command->add_option_group("source");
  where->add_option("--config", arguments->config, "The daemon's config, which names data_dir");
  where->add_option("--data-dir", arguments->data_dir, "The data directory itself, or a backup");
  where->require_option(1);
  command->add_option("--from", arguments->from, "Sequence number of the first decision")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--forget-key", arguments->forget_keys,
                      "Leave out all feedback that was sent with the API key of this name; may be "
                      "given again");
  command->add_option("--output", arguments->output, "File to write; left out: standard output");
  command->callback([arguments, &exit_code] { exit_code = run_export(*arguments); });
}

}  // namespace yardmaster::agent
