#include "agent/commands/distill_encoder.h"

#include <boost/json.hpp>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "agent/progress.h"
#include "env/query.h"
#include "env/static_distiller.h"

namespace yardmaster::agent {
namespace {

struct DistillArguments {
  std::string from;
  std::string output;
  std::string queries;
};

/// The text of one line: of a .jsonl file a JSON string, or an object's "query".
Result<std::string> query_of(const std::string& line, bool is_json) {
  if (!is_json) return line;
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(line, error);
  if (!error && value.is_string()) return std::string(value.get_string());
  const boost::json::value* const query =
      !error && value.is_object() ? value.get_object().if_contains("query") : nullptr;
  if (query != nullptr && query->is_string()) return std::string(query->get_string());
  return fail(ErrorCode::invalid_argument,
              "is neither a JSON string nor an object with a text \"query\"");
}

Result<std::vector<std::string>> read_queries(const std::string& path) {
  std::vector<std::string> queries;
  if (path.empty()) return queries;
  std::ifstream file(path);
  if (!file) return fail(ErrorCode::io, "cannot open the queries '" + path + "'");
  const bool is_json = path.ends_with(".jsonl") || path.ends_with(".json");
  std::uint64_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.empty()) continue;
    auto query = query_of(line, is_json);
    if (!query) {
      return fail(query.error().code,
                  path + ":" + std::to_string(number) + ": the line " + query.error().message);
    }
    queries.push_back(env::query_from_text(*query).text);
  }
  if (file.bad()) return fail(ErrorCode::io, "cannot read the queries '" + path + "'");
  if (queries.empty()) {
    return fail(ErrorCode::invalid_argument, "the queries '" + path + "' hold none");
  }
  return queries;
}

Result<std::string> distill(const DistillArguments& arguments) {
  auto queries = read_queries(arguments.queries);
  if (!queries) return fail(queries.error());
  auto folder = env::MiniLmFolder::read(arguments.from);
  if (!folder) return fail(folder.error());
  auto network = env::MiniLmNetwork::make(folder->config, folder->weights);
  if (!network) return fail(network.error());
  ProgressBar bar(std::cerr, stderr_is_terminal(), "passing tokens through the network, percent",
                  std::chrono::steady_clock::now());
  auto table = env::distill_static_table(*folder, *network, *queries, [&](double part) {
    bar.update(static_cast<std::uint64_t>(100 * part), 100, std::chrono::steady_clock::now());
  });
  bar.finish();
  return table;
}

int run_distill(const DistillArguments& arguments) {
  const auto table = distill(arguments);
  if (!table) {
    std::cerr << "distill-encoder: " << table.error().message << '\n';
    return 1;
  }
  std::ofstream file(arguments.output, std::ios::binary);
  file << *table;
  if (!file.flush()) {
    std::cerr << "distill-encoder: cannot write '" << arguments.output << "'; check the path\n";
    return 1;
  }
  std::cout << "wrote " << arguments.output << ", " << table->size()
            << " bytes; use it by encoder: static:" << arguments.output << '\n';
  return 0;
}

}  // namespace

void add_distill_encoder(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("distill-encoder",
                                     "Make a token table for the encoder static from a network");
  auto arguments = std::make_shared<DistillArguments>();
  command
      ->add_option("--from", arguments->from,
                   "folder with config.json, vocab.txt and model.safetensors")
      ->required()
      ->type_name("FOLDER");
  command->add_option("--output", arguments->output, "where to write the table")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--queries", arguments->queries,
                   "your own queries: .jsonl with \"query\", or .txt with one a line")
      ->type_name("FILE");
  command->footer(
      "Example:\n"
      "  yardmaster distill-encoder --from build/minilm --output table.bin --queries mine.jsonl");
  command->callback([arguments, &exit_code] { exit_code = run_distill(*arguments); });
}

}  // namespace yardmaster::agent
