#include "env/outcome_data.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <filesystem>
#include <sstream>
#include <system_error>

namespace yardmaster::env {

namespace {

namespace json = boost::json;

tl::unexpected<Error> refuse(const std::string& what) {
  return fail(ErrorCode::invalid_argument, what);
}

/// The member's value, nullptr where it is absent or null.
const json::value* present(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Status read_number(const json::object& object, const std::string& where, std::string_view key,
                   double high, std::optional<double>& out) {
  const json::value* value = present(object, key);
  if (value == nullptr) return {};
  const std::string name = where + "." + std::string(key);
  if (!value->is_number()) return refuse(name + " is not a number");
  const auto number = value->to_number<double>();
  if (!std::isfinite(number) || number < 0 || number > high) {
    return refuse(name + " " + json::serialize(*value) + " is out of range");
  }
  out = number;
  return {};
}

Status read_count(const json::object& object, const std::string& where, std::string_view key,
                  std::optional<std::uint64_t>& out) {
  std::optional<double> number;
  if (auto status = read_number(object, where, key, 1e15, number); !status) return status;
  if (number) out = static_cast<std::uint64_t>(*number);
  return {};
}

Result<LoggedOutcome> read_outcome(std::string_view model, const json::value& value) {
  LoggedOutcome out;
  out.model = model;
  const std::string where = "outcomes." + out.model;
  if (model.empty()) return refuse("outcomes has a model with an empty name");
  if (!value.is_object()) return refuse(where + " is not an object");
  const json::object& object = value.get_object();
  constexpr double kHuge = 1e9;
  for (const Status& status : {read_number(object, where, "quality", 1, out.quality),
                               read_number(object, where, "cost_usd", kHuge, out.cost_usd),
                               read_number(object, where, "latency_s", kHuge, out.latency_s),
                               read_count(object, where, "input_tokens", out.input_tokens),
                               read_count(object, where, "output_tokens", out.output_tokens)}) {
    if (!status) return fail(status.error());
  }
  return out;
}

Result<ModelSpec> read_model(std::string_view name, const json::object& object) {
  ModelSpec model;
  model.name = name;
  std::optional<std::uint64_t> context;
  for (const Status& status :
       {read_number(object, model.name, "input_usd_per_1m", 1e9, model.input_usd_per_mtok),
        read_number(object, model.name, "output_usd_per_1m", 1e9, model.output_usd_per_mtok),
        read_number(object, model.name, "size_b", 1e9, model.size_b),
        read_count(object, model.name, "context_tokens", context)}) {
    if (!status) return fail(status.error());
  }
  if (context) {
    model.context_tokens =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(*context, UINT32_MAX));
  }
  const json::value* scores = present(object, "scores");
  if (scores == nullptr) return model;
  if (!scores->is_object()) return refuse(model.name + ".scores is not an object");
  for (const auto& [benchmark, value] : scores->get_object()) {
    std::optional<double> score;
    auto status = read_number(scores->get_object(), model.name + ".scores", benchmark, 1e9, score);
    if (!status) return fail(status.error());
    if (score) model.scores.emplace_back(benchmark, *score);
  }
  return model;
}

}  // namespace

Result<OutcomeExample> parse_outcome_line(std::string_view line) {
  json::error_code code;
  const json::value parsed = json::parse(line, code);
  if (code) return refuse("malformed JSON: " + code.message());
  if (!parsed.is_object()) return refuse("not a JSON object");
  const json::object& object = parsed.get_object();

  OutcomeExample out;
  if (const json::value* id = present(object, "query_id")) {
    if (!id->is_string()) return refuse("query_id is not a string");
    out.query_id = id->get_string();
  }
  const json::value* query = present(object, "query");
  if (query == nullptr) return refuse("query is missing");
  if (!query->is_string()) return refuse("query is not a string");
  out.query = query->get_string();

  const json::value* outcomes = present(object, "outcomes");
  if (outcomes == nullptr) return refuse("outcomes is missing");
  if (!outcomes->is_object()) return refuse("outcomes is not an object");
  for (const auto& [model, value] : outcomes->get_object()) {
    if (value.is_null()) continue;
    auto outcome = read_outcome(model, value);
    if (!outcome) return fail(outcome.error());
    out.outcomes.push_back(std::move(*outcome));
  }
  if (out.outcomes.empty()) return refuse("outcomes names no model");
  return out;
}

Result<OutcomeReader> OutcomeReader::open(const std::string& path) {
  OutcomeReader reader;
  std::error_code code;
  reader.file_bytes_ = std::filesystem::file_size(path, code);
  if (!code) reader.file_.open(path, std::ios::binary);
  if (code || !reader.file_) {
    return fail(ErrorCode::io, "outcome data '" + path + "' cannot be read" +
                                   (code ? ": " + code.message() : "") + "; check the path");
  }
  return reader;
}

std::optional<OutcomeExample> OutcomeReader::next() {
  while (std::getline(file_, buffer_)) {
    ++line_;
    bytes_read_ += buffer_.size() + 1;
    if (buffer_.find_first_not_of(" \t\r") == std::string::npos) continue;
    auto example = parse_outcome_line(buffer_);
    if (example) return std::move(*example);
    refused_.push_back({line_, example.error().message});
  }
  return std::nullopt;
}

Result<std::vector<ModelSpec>> read_models(const std::string& outcomes_path) {
  const auto path = std::filesystem::path(outcomes_path).parent_path() / "models.json";
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::vector<ModelSpec>{};
  std::ostringstream text;
  text << file.rdbuf();
  json::error_code code;
  const json::value parsed = json::parse(text.str(), code);
  if (code || !parsed.is_object()) {
    return refuse(path.string() + ": " + (code ? code.message() : "not a JSON object"));
  }
  std::vector<ModelSpec> models;
  for (const auto& [name, value] : parsed.get_object()) {
    if (!value.is_object())
      return refuse(path.string() + ": " + std::string(name) + " is not an object");
    auto model = read_model(name, value.get_object());
    if (!model) return refuse(path.string() + ": " + model.error().message);
    models.push_back(std::move(*model));
  }
  return models;
}

}  // namespace yardmaster::env
