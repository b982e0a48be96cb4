#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/model_pool.h"

namespace yardmaster::env {

/// What one model did with one query of a data set. What the line does not say, or says null,
/// is absent.
struct LoggedOutcome {
  std::string model;
  std::optional<double> quality;  ///< in [0, 1]
  std::optional<double> cost_usd;
  std::optional<double> latency_s;
  std::optional<std::uint64_t> input_tokens;
  std::optional<std::uint64_t> output_tokens;
};

/// One line of an outcome data set: a query and what models did with it.
struct OutcomeExample {
  std::string query_id;  ///< empty if absent
  std::string query;
  std::vector<LoggedOutcome> outcomes;  ///< at least one, in the line's order
};

/// A line that could not be used.
struct RefusedLine {
  std::uint64_t line = 0;  ///< from 1
  std::string reason;
};

/// Reads one line: {"query_id","query","outcomes":{model:{"quality","cost_usd"?,"latency_s"?,
/// "input_tokens"?,"output_tokens"?}}}. Other fields are ignored; `domain` is never looked at.
/// Fails with invalid_argument on malformed JSON, a missing or empty field, a wrong type, a
/// quality outside [0, 1], a negative cost or latency; the message names the field.
Result<OutcomeExample> parse_outcome_line(std::string_view line);

/// Reads an outcome data set a line at a time; broken lines are passed over and kept with their
/// numbers and reasons. Not thread-safe.
class OutcomeReader {
 public:
  /// Fails with io if the file cannot be read.
  static Result<OutcomeReader> open(const std::string& path);

  /// The next good line; nothing at the end of the file.
  std::optional<OutcomeExample> next();

  std::uint64_t line() const { return line_; }  ///< of the example returned last
  std::uint64_t bytes_read() const { return bytes_read_; }
  std::uint64_t file_bytes() const { return file_bytes_; }
  const std::vector<RefusedLine>& refused() const { return refused_; }

 private:
  OutcomeReader() = default;

  std::ifstream file_;
  std::string buffer_;
  std::uint64_t line_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t file_bytes_ = 0;
  std::vector<RefusedLine> refused_;
};

/// Reads the models.json beside a data set: {model: {"input_usd_per_1m"?, "output_usd_per_1m"?,
/// "context_tokens"?, "size_b"?, "scores"?: {benchmark: number}}}. An absent file gives no models.
/// Fails with invalid_argument on one that is malformed.
Result<std::vector<ModelSpec>> read_models(const std::string& outcomes_path);

}  // namespace yardmaster::env
