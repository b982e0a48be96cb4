#include "agent/commands/evaluate.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>

#include "agent/commands/json_file.h"
#include "agent/config.h"
#include "agent/evaluation/evaluator.h"
#include "agent/evaluation/report.h"
#include "agent/logs/line_reader.h"
#include "agent/logs/log_report.h"
#include "agent/logs/row_maker.h"
#include "agent/progress.h"
#include "replay/decision_log.h"

namespace yardmaster::agent {
namespace {

struct EvaluateArguments {
  std::string log;
  std::string config;
  std::string router;
  std::string encoder;
  std::string json;
  EvaluationOptions options;
};

/// What the decisions were made among, and how they are judged.
struct Setting {
  std::unique_ptr<env::ModelPool> pool;
  std::unique_ptr<env::QualityObjective> objective;
  std::unique_ptr<env::Encoder> encoder;
};

struct Evaluated {
  LogReport report;
  std::uint64_t judged = 0;
  std::vector<PolicyValue> values;
};

int failed(const Error& error) {
  std::cerr << "evaluate: " << error.message << '\n';
  return error.code == ErrorCode::invalid_argument ? 2 : 1;
}

Result<Setting> make_setting(std::vector<env::ModelSpec> models, const FeedbackConfig& feedback,
                             const ObjectiveConfig& objective, const std::string& encoder) {
  auto pool = env::ModelPool::make(std::move(models));
  if (!pool) return fail(pool.error());
  auto quality = env::QualityObjective::make(feedback.metrics, objective.metrics);
  if (!quality) return fail(quality.error());
  auto made = env::make_encoder(encoder);
  if (!made) return fail(made.error());
  return Setting{std::make_unique<env::ModelPool>(std::move(*pool)),
                 std::make_unique<env::QualityObjective>(std::move(*quality)), std::move(*made)};
}

Result<Setting> setting_of_config(const EvaluateArguments& arguments) {
  const auto config = load_config(arguments.config);
  if (!config) return fail(config.error());
  for (const RouterConfig& router : config->routers) {
    if (!arguments.router.empty() && router.name != arguments.router) continue;
    return make_setting(config->models, config->feedback, config->objective,
                        arguments.encoder.empty() ? router.encoder : arguments.encoder);
  }
  return fail(ErrorCode::invalid_argument,
              "the config has no router " + arguments.router + "; name one of its routers");
}

/// Every model that any line could have chosen, in the order of their appearance.
Result<Setting> setting_of_log(const EvaluateArguments& arguments) {
  auto reader = LineReader::open(arguments.log);
  if (!reader) return fail(reader.error());
  std::vector<env::ModelSpec> models;
  while (const auto line = reader->next()) {
    const auto record = replay::from_json_line(*line);
    if (!record) continue;
    for (const std::string& name : record->decision.candidates) {
      const auto same = [&](const env::ModelSpec& model) { return model.name == name; };
      if (std::any_of(models.begin(), models.end(), same)) continue;
      models.emplace_back().name = name;
    }
  }
  if (models.empty()) {
    return fail(ErrorCode::io,
                arguments.log + " has no line of a decision log; `yardmaster export` writes one");
  }
  return make_setting(std::move(models), Config{}.feedback, Config{}.objective,
                      arguments.encoder.empty() ? RouterConfig{}.encoder : arguments.encoder);
}

Result<Evaluated> evaluate_log(const EvaluateArguments& arguments, const Setting& setting) {
  auto evaluator = Evaluator::make(arguments.options, *setting.pool, setting.encoder->dimension());
  if (!evaluator) return fail(evaluator.error());
  const RowMaker maker(*setting.encoder, *setting.pool, *setting.objective, {});
  auto reader = LineReader::open(arguments.log);
  if (!reader) return fail(reader.error());
  ProgressBar bar(std::cerr, stderr_is_terminal(), "bytes", std::chrono::steady_clock::now());
  Evaluated out;
  while (const auto line = reader->next()) {
    bar.update(reader->bytes_read(), reader->file_bytes(), std::chrono::steady_clock::now());
    const auto record = replay::from_json_line(*line);
    if (!record) {
      out.report.refused(reader->line(), record.error().message);
      continue;
    }
    const auto made = maker.from_decision(*record);
    if (!made) {
      out.report.refused(reader->line(), made.error().message);
      continue;
    }
    const auto judged = evaluator->add(*record, made->row);
    if (!judged) {
      return fail(judged.error().code,
                  "line " + std::to_string(reader->line()) + ": " + judged.error().message);
    }
    out.report.used(reader->line(), made->left_out);
    out.judged += *judged ? 1 : 0;
  }
  bar.finish();
  out.values = evaluator->values();
  // A log of decisions that the policy made itself observed nothing.
  std::erase_if(out.values, [](const PolicyValue& value) {
    return value.policy == kObserved && value.estimate.decisions() == 0;
  });
  return out;
}

int run_evaluate(const EvaluateArguments& arguments) {
  const auto setting =
      arguments.config.empty() ? setting_of_log(arguments) : setting_of_config(arguments);
  if (!setting) return failed(setting.error());
  const auto evaluated = evaluate_log(arguments, *setting);
  if (!evaluated) return failed(evaluated.error());
  evaluated->report.print(std::cout);
  std::cout << evaluated->judged << " of them have feedback, and are what the figures are of\n";
  if (evaluated->judged == 0) {
    return failed(
        {ErrorCode::io, "no decision of the log has the feedback that quality is made of"});
  }
  print_values(std::cout, evaluated->values);
  if (arguments.json.empty()) return 0;
  boost::json::object json = values_json(evaluated->values);
  json["log"] = arguments.log;
  json["lines"] = evaluated->report.json();
  const Status written = write_json_file(arguments.json, json);
  return written ? 0 : failed(written.error());
}

}  // namespace

void add_evaluate(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<EvaluateArguments>();
  CLI::App* command =
      app.add_subcommand("evaluate", "Say from logged decisions what a policy would have got");
  command->footer(
      "Reads what `yardmaster export` writes. docs/evaluate.md says what the figures mean.\n\n"
      "Example:\n"
      "  yardmaster export --config yardmaster.yaml --output decisions.jsonl\n"
      "  yardmaster evaluate --log decisions.jsonl --policy default,linucb");
  command->add_option("--log", arguments->log, "The decision log, JSON lines")->required();
  command->add_option("--policy", arguments->options.policies, "Names with commas between them")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--config", arguments->config,
                      "Take models, prices, metrics and encoder from a config; left out: the "
                      "models that the log names, the metric quality, and the encoder static");
  command->add_option("--router", arguments->router, "Whose encoder; left out: the first router's");
  command->add_option("--encoder", arguments->encoder, "In place of the router's");
  command
      ->add_option("--cost-weight", arguments->options.cost_weight,
                   "Quality per USD; left out: what each decision was made with")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--seed", arguments->options.seed, "Of the policies")->capture_default_str();
  command->add_option("--json", arguments->json, "Also write the results to this file");
  command->callback([arguments, &exit_code] { exit_code = run_evaluate(*arguments); });
}

}  // namespace yardmaster::agent
