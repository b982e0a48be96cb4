#include "replay/decision_log.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <utility>

#include "base/json_text.h"
#include "replay/json_text.h"

namespace yardmaster::replay {
namespace {

namespace json = boost::json;

/// For logs whose propensities were rounded.
constexpr double kSumTolerance = 1e-3;

std::string hex_of(std::uint64_t value) {
  char digits[20];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(value));
  return digits;
}

// Writing ----------------------------------------------------------------------------------

/// Writes an object's members, or an array's elements, with commas between them.
class Members {
 public:
  Members(std::string& out, char open, char close) : out_(out), close_(close) { out_ += open; }
  ~Members() { out_ += close_; }
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;

  std::string& element() {
    if (std::exchange(begun_, true)) out_ += ',';
    return out_;
  }
  std::string& member(std::string_view name) {
    element();
    out_ += '"';
    out_ += name;
    out_ += "\":";
    return out_;
  }

  void text(std::string_view name, std::string_view value) { append_string(value, member(name)); }
  void number(std::string_view name, double value) { append_number(value, member(name)); }
  void whole(std::string_view name, std::uint64_t value) { member(name) += std::to_string(value); }

  // What is empty or absent is left out.
  void text_if_any(std::string_view name, std::string_view value) {
    if (!value.empty()) text(name, value);
  }
  void number_if_any(std::string_view name, const std::optional<double>& value) {
    if (value) number(name, *value);
  }
  void whole_if_any(std::string_view name, const std::optional<std::uint64_t>& value) {
    if (value) whole(name, *value);
  }

 private:
  std::string& out_;
  char close_;
  bool begun_ = false;
};

void write(const Features& features, std::string& out) {
  Members object(out, '{', '}');
  object.text("encoder", features.encoder);
  object.whole("version", features.version);
  Members values(object.member("values"), '[', ']');
  for (const float value : features.values) append_number(value, values.element());
}

void write_candidates(const Decision& decision, Members& line) {
  {
    Members models(line.member("candidates"), '[', ']');
    for (const std::string& model : decision.candidates) append_string(model, models.element());
  }
  Members propensities(line.member("propensities"), '[', ']');
  for (const double value : decision.propensities) append_number(value, propensities.element());
}

void write_filtered(const Decision& decision, Members& line) {
  Members filtered(line.member("filtered"), '[', ']');
  for (const FilteredModel& each : decision.filtered) {
    Members object(filtered.element(), '{', '}');
    object.text("model", each.model);
    object.text("reason", each.reason);
  }
}

void write(const ObjectiveWeights& weights, std::string& out) {
  Members object(out, '{', '}');
  object.number("cost", weights.cost);
  object.number("latency", weights.latency);
}

void write(const Outcome& outcome, const std::string& response_id, std::string& out) {
  Members object(out, '{', '}');
  object.text("status", to_string(outcome.status));
  object.number_if_any("latency_s", outcome.latency_s);
  object.number_if_any("first_token_s", outcome.first_token_s);
  object.whole_if_any("input_tokens", outcome.input_tokens);
  object.whole_if_any("output_tokens", outcome.output_tokens);
  object.number_if_any("cost_usd", outcome.cost_usd);
  object.text_if_any("error", outcome.error);
  object.text("time", format_rfc3339(outcome.time));
  object.text_if_any("response_id", response_id);
}

void write(const Feedback& feedback, std::string& out) {
  Members object(out, '{', '}');
  object.text("metric", feedback.metric);
  object.number("value", feedback.value);
  object.text("time", format_rfc3339(feedback.time));
  object.text_if_any("judge", feedback.judge);
  object.text_if_any("idempotency_key", feedback.idempotency_key);
  object.text_if_any("key_scope", feedback.key_scope);
  object.text_if_any("comment", feedback.comment);
}

// Reading ----------------------------------------------------------------------------------

/// Reads the members of one object. The first thing that is wrong is kept, with its path; what
/// is read after it is of no account.
class Fields {
 public:
  Fields(const json::object& object, std::string path, std::optional<Error>& error)
      : object_(object), path_(std::move(path)), error_(error) {}

  /// nullptr if it is absent or null.
  const json::value* find(std::string_view name) const {
    const json::value* value = object_.if_contains({name.data(), name.size()});
    return value == nullptr || value->is_null() ? nullptr : value;
  }

  const json::value* require(std::string_view name, std::string_view what) {
    const json::value* value = find(name);
    if (value == nullptr) wrong(name, "is missing; it must be " + std::string(what));
    return value;
  }

  std::string text(std::string_view name) {
    const json::value* value = find(name);
    if (value == nullptr) return {};
    return text_of(*value, name);
  }

  std::string required_text(std::string_view name) {
    const json::value* value = require(name, "a string");
    return value == nullptr ? std::string() : text_of(*value, name);
  }

  std::optional<double> number(std::string_view name) {
    const json::value* value = find(name);
    if (value == nullptr) return std::nullopt;
    return number_of(*value, name);
  }

  /// A number of 0 or more.
  std::optional<double> amount(std::string_view name) {
    const std::optional<double> value = number(name);
    if (value && *value < 0) wrong(name, "is negative");
    return value;
  }

  std::optional<std::uint64_t> whole(std::string_view name) {
    const json::value* value = find(name);
    if (value == nullptr) return std::nullopt;
    json::error_code failed;
    const auto out = value->to_number<std::uint64_t>(failed);
    if (failed) wrong(name, "is not a whole number of 0 or more");
    return out;
  }

  /// `fallback` where the time is absent; without one it must be there.
  Timestamp time(std::string_view name, std::optional<Timestamp> fallback = std::nullopt) {
    if (fallback && find(name) == nullptr) return *fallback;
    const std::string written = required_text(name);
    const auto parsed = parse_rfc3339(written);
    if (!parsed) wrong(name, "is not a time: " + parsed.error().message);
    return parsed.value_or(Timestamp());
  }

  /// Calls `read(value, name)` for each element, by the name that errors give it; an absent array
  /// is empty.
  template <class Read>
  void each(std::string_view name, Read read) {
    const json::value* value = find(name);
    if (value == nullptr) return;
    const json::array* array = value->if_array();
    if (array == nullptr) return wrong(name, "is not an array");
    for (std::size_t i = 0; i < array->size(); ++i) {
      read((*array)[i], std::string(name) + "[" + std::to_string(i) + "]");
    }
  }

  /// Calls `read(fields)` for each element of an array of objects.
  template <class Read>
  void each_object(std::string_view name, Read read) {
    each(name, [&](const json::value& value, const std::string& element) {
      read_object(value, element, read);
    });
  }

  /// Calls `read(fields)` with the object's members, if the object is there.
  template <class Read>
  void object(std::string_view name, Read read) {
    if (const json::value* value = find(name)) read_object(*value, name, read);
  }

  std::string text_of(const json::value& value, std::string_view name) {
    if (const json::string* string = value.if_string()) return {string->data(), string->size()};
    wrong(name, "is not a string");
    return {};
  }

  double number_of(const json::value& value, std::string_view name) {
    if (value.is_double() && std::isfinite(value.get_double())) return value.get_double();
    if (value.is_int64()) return static_cast<double>(value.get_int64());
    if (value.is_uint64()) return static_cast<double>(value.get_uint64());
    wrong(name, "is not a finite number");
    return 0;
  }

  void wrong(std::string_view name, const std::string& what) {
    if (error_) return;
    error_ = Error{ErrorCode::invalid_argument,
                   "decision log: field '" + path_ + std::string(name) + "' " + what};
  }

 private:
  template <class Read>
  void read_object(const json::value& value, std::string_view name, Read& read) {
    const json::object* object = value.if_object();
    if (object == nullptr) return wrong(name, "is not an object");
    Fields fields(*object, path_ + std::string(name) + ".", error_);
    read(fields);
  }

  const json::object& object_;
  std::string path_;
  std::optional<Error>& error_;
};

Features read_features(Fields& fields) {
  Features features;
  features.encoder = fields.required_text("encoder");
  const std::uint64_t version = fields.whole("version").value_or(0);
  if (version > UINT32_MAX) fields.wrong("version", "is larger than 32 bits");
  features.version = static_cast<std::uint32_t>(version);
  fields.each("values", [&](const json::value& value, const std::string& name) {
    const double number = fields.number_of(value, name);
    if (std::abs(number) > std::numeric_limits<float>::max()) {
      return fields.wrong(name, "is larger than a float of 32 bits holds");
    }
    features.values.push_back(static_cast<float>(number));
  });
  return features;
}

void check_distribution(Fields& line, const Decision& decision) {
  double sum = 0;
  for (const double propensity : decision.propensities) sum += propensity;
  if (std::abs(sum - 1) > kSumTolerance) {
    line.wrong("propensities",
               "sums to " + std::to_string(sum) + "; the candidates' probabilities must sum to 1");
  }
  if (decision.chosen < decision.propensities.size() && decision.propensity() <= 0) {
    line.wrong("propensities", "has 0 for the model that was chosen");
  }
}

void read_candidates(Fields& line, Decision& decision) {
  line.each("candidates", [&](const json::value& value, const std::string& name) {
    decision.candidates.push_back(line.text_of(value, name));
  });
  line.each("propensities", [&](const json::value& value, const std::string& name) {
    const double propensity = line.number_of(value, name);
    if (propensity < 0 || propensity > 1) line.wrong(name, "is not from 0 to 1");
    decision.propensities.push_back(propensity);
  });
  if (decision.candidates.empty()) {
    line.wrong("candidates", "is missing or empty; it must name the models to choose from");
  }
  if (decision.propensities.size() != decision.candidates.size()) {
    line.wrong("propensities", "has " + std::to_string(decision.propensities.size()) +
                                   " entries; it must have one for each of the " +
                                   std::to_string(decision.candidates.size()) + " candidates");
  }
  const std::string model = line.required_text("model");
  const auto chosen = std::find(decision.candidates.begin(), decision.candidates.end(), model);
  if (chosen == decision.candidates.end()) line.wrong("model", "is not among the candidates");
  decision.chosen = static_cast<std::size_t>(chosen - decision.candidates.begin());
  check_distribution(line, decision);
}

FilteredModel read_filtered(Fields& fields) {
  FilteredModel filtered;
  filtered.model = fields.required_text("model");
  filtered.reason = fields.text("reason");
  return filtered;
}

Outcome read_outcome(Fields& fields, Timestamp decided) {
  Outcome outcome;
  const auto status = parse_outcome_status(fields.required_text("status"));
  if (!status) fields.wrong("status", "is none of ok, error, rejected and cancelled");
  outcome.status = status.value_or(Outcome::Status::ok);
  outcome.latency_s = fields.amount("latency_s");
  outcome.first_token_s = fields.amount("first_token_s");
  outcome.input_tokens = fields.whole("input_tokens");
  outcome.output_tokens = fields.whole("output_tokens");
  outcome.cost_usd = fields.amount("cost_usd");
  outcome.error = fields.text("error");
  outcome.time = fields.time("time", decided);
  return outcome;
}

Feedback read_feedback(Fields& fields, Timestamp decided) {
  Feedback feedback;
  feedback.metric = fields.required_text("metric");
  if (const json::value* value = fields.require("value", "a number")) {
    feedback.value = fields.number_of(*value, "value");
  }
  feedback.time = fields.time("time", decided);
  feedback.judge = fields.text("judge");
  feedback.idempotency_key = fields.text("idempotency_key");
  feedback.key_scope = fields.text("key_scope");
  feedback.comment = fields.text("comment");
  return feedback;
}

/// Not a number, since many readers of JSON take 53 bits of one.
std::uint64_t read_conversation(Fields& line) {
  const std::string digits = line.text("conversation");
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  const bool whole = error == std::errc{} && end == digits.data() + digits.size();
  if (!digits.empty() && !whole) line.wrong("conversation", "is not of up to 16 hex digits");
  return whole ? value : 0;
}

void read_decision(Fields& line, Decision& decision) {
  const auto id = DecisionId::parse(line.required_text("decision_id"));
  if (!id) line.wrong("decision_id", "is not a UUID");
  decision.id = id.value_or(DecisionId());
  decision.time = line.time("time");
  decision.session_id = line.text("session_id");
  decision.conversation = read_conversation(line);
  decision.key = line.text("key");
  if (line.find("query") != nullptr) decision.query = line.text("query");
  line.object("features", [&](Fields& fields) { decision.features = read_features(fields); });
  line.object("successor_features",
              [&](Fields& fields) { decision.successor_features = read_features(fields); });
  read_candidates(line, decision);
  decision.router = line.text("router");
  line.object("weights", [&](Fields& fields) {
    decision.weights.cost = fields.number("cost").value_or(decision.weights.cost);
    decision.weights.latency = fields.number("latency").value_or(decision.weights.latency);
  });
  line.each_object("filtered",
                   [&](Fields& fields) { decision.filtered.push_back(read_filtered(fields)); });
  decision.policy_version = line.whole("policy_version").value_or(0);
  if (line.find("hedge_of") != nullptr) {
    const auto hedged = DecisionId::parse(line.text("hedge_of"));
    if (!hedged) line.wrong("hedge_of", "is not a UUID");
    decision.hedge_of = hedged.value_or(DecisionId());
  }
  decision.would_choose = line.text("would_choose");
  decision.price_reference = line.amount("price_reference").value_or(0);
  decision.estimated_cost_usd = line.amount("estimated_cost_usd").value_or(0);
  const std::uint64_t tokens = line.whole("estimated_input_tokens").value_or(0);
  if (tokens > UINT32_MAX) line.wrong("estimated_input_tokens", "is larger than 32 bits");
  decision.estimated_input_tokens = static_cast<std::uint32_t>(tokens);
}

}  // namespace

std::string to_json_line(const DecisionRecord& record) {
  const Decision& decision = record.decision;
  std::string out;
  {
    Members line(out, '{', '}');
    line.text("decision_id", decision.id.str());
    line.text("time", format_rfc3339(decision.time));
    line.text_if_any("session_id", decision.session_id);
    if (decision.conversation != 0) line.text("conversation", hex_of(decision.conversation));
    line.text_if_any("key", decision.key);
    if (decision.query) line.text("query", *decision.query);
    if (decision.features != Features()) write(decision.features, line.member("features"));
    if (decision.successor_features != Features()) {
      write(decision.successor_features, line.member("successor_features"));
    }
    write_candidates(decision, line);
    line.text("model", decision.model());
    line.text("router", decision.router);
    write(decision.weights, line.member("weights"));
    write_filtered(decision, line);
    line.whole("policy_version", decision.policy_version);
    if (record.outcome) write(*record.outcome, record.response_id, line.member("outcome"));
    {
      Members feedback(line.member("feedback"), '[', ']');
      for (const Feedback& each : record.feedback) write(each, feedback.element());
    }
    if (decision.hedge_of) line.text("hedge_of", decision.hedge_of->str());
    line.text_if_any("would_choose", decision.would_choose);
    line.number("price_reference", decision.price_reference);
    line.number("estimated_cost_usd", decision.estimated_cost_usd);
    line.whole("estimated_input_tokens", decision.estimated_input_tokens);
  }
  return out;
}

Result<DecisionRecord> from_json_line(std::string_view line) {
  const auto value = parse_exactly(line);
  if (!value) return fail(value.error());
  const json::object* object = value->if_object();
  if (object == nullptr) {
    return fail(ErrorCode::invalid_argument,
                "decision log: a line is not a JSON object; write one decision a line");
  }
  std::optional<Error> error;
  Fields fields(*object, "", error);
  DecisionRecord record;
  read_decision(fields, record.decision);
  fields.object("outcome", [&](Fields& outcome) {
    record.outcome = read_outcome(outcome, record.decision.time);
    record.response_id = outcome.text("response_id");
  });
  fields.each_object("feedback", [&](Fields& each) {
    record.feedback.push_back(read_feedback(each, record.decision.time));
  });
  if (error) return fail(std::move(*error));
  return record;
}

}  // namespace yardmaster::replay
