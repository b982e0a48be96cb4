#include "agent/api/feedback_request.h"

#include <boost/json/object.hpp>
#include <string>

#include "agent/api/json_fields.h"

namespace yardmaster::agent {

namespace json = boost::json;

namespace {

constexpr std::size_t kMaxCommentBytes = 4096;

using replay::FeedbackItem;
using replay::FeedbackTarget;

/// A larger amount of USD or seconds for one query is a mistake of units.
constexpr double kMaxAmount = 1e6;

Status check_amount(std::string_view name, const std::optional<double>& value) {
  if (!value || (*value >= 0 && *value <= kMaxAmount)) return {};
  return fail(ErrorCode::out_of_range,
              "'" + std::string(name) + "' must be a number from 0 to 1000000; check its unit");
}

/// Which decision an item names; exactly one of the three ids must be there.
Result<FeedbackTarget> read_target(JsonFields& fields) {
  using Kind = FeedbackTarget::Kind;
  FeedbackTarget target;
  int named = 0;
  for (const auto& [name, kind] :
       {std::pair{"decision_id", Kind::decision}, std::pair{"response_id", Kind::response},
        std::pair{"session_id", Kind::session}}) {
    std::string id = fields.text(name);
    if (id.empty()) continue;
    ++named;
    target = {kind, std::move(id)};
  }
  if (!fields.status()) return fail(fields.status().error());
  if (named != 1) {
    return fail(ErrorCode::invalid_argument,
                "name one of 'decision_id', 'response_id' and 'session_id'");
  }
  if (target.kind == Kind::decision) {
    if (auto id = parse_known_id(target.id); !id) return fail(id.error());
  }
  if (target.id.size() > kMaxIdBytes) {
    return fail(ErrorCode::invalid_argument, "the id is longer than 256 bytes");
  }
  return target;
}

}  // namespace

Result<FeedbackItem> read_feedback_item(const json::value& value, std::string_view key,
                                        Timestamp now, std::size_t& unknown) {
  if (!value.is_object()) {
    return fail(ErrorCode::invalid_argument, "a feedback item must be an object");
  }
  JsonFields fields(value.get_object());
  auto target = read_target(fields);
  if (!target) return fail(target.error());
  FeedbackItem item;
  item.target = std::move(*target);
  item.feedback.metric = fields.text("metric");
  const std::optional<double> number = fields.number_or_bool("value");
  item.feedback.judge = fields.text("judge");
  item.feedback.idempotency_key = fields.text("idempotency_key");
  item.feedback.comment = fields.text("comment");
  unknown += fields.unknown();
  if (!fields.status()) return fail(fields.status().error());
  if (item.feedback.metric.empty()) {
    return fail(ErrorCode::invalid_argument, "'metric' is missing; name a metric of the config");
  }
  if (!number) {
    return fail(ErrorCode::invalid_argument, "'value' is missing; send a number or true or false");
  }
  if (item.feedback.idempotency_key.size() > kMaxIdBytes ||
      item.feedback.judge.size() > kMaxIdBytes || item.feedback.comment.size() > kMaxCommentBytes) {
    return fail(ErrorCode::invalid_argument,
                "'idempotency_key' and 'judge' hold up to 256 bytes, 'comment' up to 4096");
  }
  item.feedback.value = *number;
  item.feedback.time = now;
  if (item.feedback.judge.empty()) item.feedback.judge = key;
  item.feedback.key_scope = key;
  return item;
}

Result<OutcomeRequest> read_outcome(const json::object& body, Timestamp now, std::size_t& unknown) {
  JsonFields fields(body);
  OutcomeRequest request;
  const std::string id = fields.text("decision_id");
  const std::string status = fields.text("status");
  request.outcome.time = now;
  request.outcome.latency_s = fields.number("latency_s");
  request.outcome.first_token_s = fields.number("first_token_s");
  request.outcome.input_tokens = fields.count("input_tokens");
  request.outcome.output_tokens = fields.count("output_tokens");
  request.outcome.cost_usd = fields.number("cost_usd");
  request.outcome.error = fields.text("error");
  unknown = fields.unknown();
  if (!fields.status()) return fail(fields.status().error());
  const auto parsed_status = parse_outcome_status(status);
  if (!parsed_status) {
    return fail(ErrorCode::invalid_argument,
                "'status' must be \"ok\", \"error\", \"rejected\" or \"cancelled\"");
  }
  request.outcome.status = *parsed_status;
  if (request.outcome.error.size() > kMaxCommentBytes) {
    return fail(ErrorCode::invalid_argument, "'error' holds up to 4096 bytes; shorten it");
  }
  if (Status good = check_amount("latency_s", request.outcome.latency_s); !good) {
    return fail(good.error());
  }
  if (Status good = check_amount("first_token_s", request.outcome.first_token_s); !good) {
    return fail(good.error());
  }
  if (Status good = check_amount("cost_usd", request.outcome.cost_usd); !good) {
    return fail(good.error());
  }
  if (id.empty()) {
    return fail(ErrorCode::invalid_argument,
                "'decision_id' is missing; send the one that /v1/route answered");
  }
  auto parsed = parse_known_id(id);
  if (!parsed) return fail(parsed.error());
  request.id = *parsed;
  return request;
}

}  // namespace yardmaster::agent
