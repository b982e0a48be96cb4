// POST /v1/outcomes and /v1/feedback: what came of decisions.

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "agent/api/api.h"
#include "agent/api/json_fields.h"
#include "agent/api/request_options.h"
#include "agent/budget/restore.h"
#include "agent/keys/restore.h"
#include "base/json_text.h"

namespace yardmaster::agent {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

constexpr std::size_t kMaxFeedbackItems = 1000;
constexpr std::size_t kMaxIdBytes = 256;
constexpr std::size_t kMaxCommentBytes = 4096;

using replay::FeedbackItem;
using replay::FeedbackResult;
using replay::FeedbackTarget;

struct OutcomeRequest {
  DecisionId id;
  Outcome outcome;
};

/// A larger amount of USD or seconds for one query is a mistake of units.
constexpr double kMaxAmount = 1e6;

Status check_amount(std::string_view name, const std::optional<double>& value) {
  if (!value || (*value >= 0 && *value <= kMaxAmount)) return {};
  return fail(ErrorCode::out_of_range,
              "'" + std::string(name) + "' must be a number from 0 to 1000000; check its unit");
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
    return fail(ErrorCode::invalid_argument, "'status' must be \"ok\", \"error\" or \"rejected\"");
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

Result<FeedbackItem> read_item(const json::value& value, const Caller& caller, Timestamp now,
                               std::size_t& unknown) {
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
  if (item.feedback.judge.empty()) item.feedback.judge = caller.name;
  item.feedback.key_scope = caller.name;
  return item;
}

std::string_view state_name(FeedbackResult::State state) {
  switch (state) {
    case FeedbackResult::State::stored:
      return "stored";
    case FeedbackResult::State::duplicate:
      return "duplicate";
    case FeedbackResult::State::error:
      return "error";
  }
  return "error";
}

/// The answer's body. With one item that failed, it is that item's error too.
json::object feedback_body(const std::vector<FeedbackResult>& results) {
  json::object body;
  std::size_t accepted = 0;
  json::array lines;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const FeedbackResult& result = results[i];
    json::object line{{"index", i}, {"status", state_name(result.state)}};
    if (result.error) line["error"] = result.error->message;
    if (result.state != FeedbackResult::State::error) ++accepted;
    lines.push_back(std::move(line));
  }
  body["accepted"] = accepted;
  body["results"] = std::move(lines);
  return body;
}

HttpResponse feedback_response(const std::vector<FeedbackResult>& results) {
  json::object body = feedback_body(results);
  HttpResponse response;
  const bool unavailable =
      std::any_of(results.begin(), results.end(), [](const FeedbackResult& result) {
        return result.error && result.error->code == ErrorCode::unavailable;
      });
  const FeedbackResult& first = results.front();
  if (unavailable || (results.size() == 1 && first.error)) {
    const Error error = unavailable && !first.error
                            ? Error{ErrorCode::unavailable, "the store is not writable"}
                            : *first.error;
    response = to_response(unavailable ? Error{ErrorCode::unavailable, error.message} : error);
    body["error"] = json::parse(response.body).as_object().at("error");
  }
  response.body = to_json(body);
  return response;
}

}  // namespace

/// Tells the budget that the decision was made on, and the key that asked for it, if there are any.
void Api::settle(const DecisionId& id, const Outcome& outcome) {
  const std::optional<double> cost_usd = cost_of(outcome);
  services_.keys.charges.settle(id, tokens_of(outcome), cost_usd);
  if (!cost_usd) return;
  for (const RouterService& service : services_.routers) {
    if (BudgetPacer* pacer = service.router->pacer()) pacer->spent(id, *cost_usd);
  }
}

asio::awaitable<Status> Api::log_outcome(DecisionId id, Outcome outcome, std::string response_id) {
  const Outcome kept = outcome;
  auto append = [&](std::function<void(Status)> done) {
    services_.store.append_outcome(id, std::move(outcome), std::move(response_id), std::move(done));
  };
  auto answer = co_await context_.log_waits->await<Status>(append);
  const Status stored = answer ? std::move(*answer) : Status(fail(store_overdue()));
  if (stored) settle(id, kept);
  co_return stored;
}

/// Tokens times prices, where the outcome tells tokens and no cost and the model has prices.
void Api::price_outcome(const DecisionId& id, Outcome& outcome) const {
  if (outcome.cost_usd || !outcome.input_tokens || !outcome.output_tokens) return;
  const auto record = services_.store.find(id);
  if (!record) return;  // the store says so itself when the outcome is appended
  const env::ModelSpec* model = services_.pool.find(record->decision.model());
  if (model == nullptr) return;
  outcome.cost_usd = model->cost_usd(static_cast<double>(*outcome.input_tokens),
                                     static_cast<double>(*outcome.output_tokens));
}

asio::awaitable<HttpResponse> Api::outcomes(HttpRequest request, Caller) {
  auto body = parse_object(request.body());
  if (!body) co_return to_response(body.error());
  std::size_t unknown = 0;
  auto read = read_outcome(*body, services_.clock(), unknown);
  if (!read) co_return to_response(read.error());
  context_.metrics->unknown_fields.add(unknown);
  price_outcome(read->id, read->outcome);
  const Status stored = co_await log_outcome(read->id, std::move(read->outcome), {});
  if (!stored) co_return to_response(stored.error());
  HttpResponse response;
  response.body = R"({"status":"stored"})";
  co_return response;
}

asio::awaitable<HttpResponse> Api::feedback(HttpRequest request, Caller caller) {
  auto body = parse_object(request.body());
  if (!body) co_return to_response(body.error());
  const json::value* list = body->if_contains("feedback");
  if (list != nullptr && list->is_null()) list = nullptr;
  if (list != nullptr && !list->is_array()) {
    co_return to_response({ErrorCode::invalid_argument, "'feedback' must be an array of items"});
  }
  std::size_t unknown = list != nullptr ? body->size() - 1 : 0;
  json::array items = list != nullptr ? list->get_array() : json::array{std::move(*body)};
  if (items.empty() || items.size() > kMaxFeedbackItems) {
    co_return to_response(
        {ErrorCode::invalid_argument,
         "'feedback' has " + std::to_string(items.size()) + " items; send 1 to 1,000 a call"});
  }

  const std::string_view key = header(request, "idempotency-key");
  if (key.size() > kMaxIdBytes) {
    co_return to_response(
        {ErrorCode::invalid_argument, "idempotency-key is longer than 256 bytes; shorten it"});
  }

  const Timestamp now = services_.clock();
  std::vector<FeedbackResult> results(items.size());
  std::vector<FeedbackItem> good;
  std::vector<std::size_t> good_index;
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto item = read_item(items[i], caller, now, unknown);
    if (!item) {
      results[i] = {FeedbackResult::State::error, item.error()};
      continue;
    }
    if (items.size() == 1 && item->feedback.idempotency_key.empty()) {
      item->feedback.idempotency_key = key;
    }
    good.push_back(std::move(*item));
    good_index.push_back(i);
  }
  context_.metrics->unknown_fields.add(unknown);
  if (!good.empty()) {
    auto append = [&](replay::Store::FeedbackDone done) {
      services_.store.append_feedback(std::move(good), std::move(done));
    };
    const std::size_t count = good.size();
    auto answer = co_await context_.sync_waits->await<std::vector<FeedbackResult>>(append);
    auto stored = answer ? std::move(*answer)
                         : std::vector<FeedbackResult>(
                               count, {FeedbackResult::State::error, store_overdue()});
    for (std::size_t i = 0; i < stored.size(); ++i) results[good_index[i]] = std::move(stored[i]);
  }
  count_feedback(results);
  co_return feedback_response(results);
}

void Api::count_feedback(const std::vector<FeedbackResult>& results) {
  for (const FeedbackResult& result : results) {
    switch (result.state) {
      case FeedbackResult::State::stored:
        context_.metrics->feedback_stored.add();
        break;
      case FeedbackResult::State::duplicate:
        context_.metrics->feedback_duplicate.add();
        break;
      case FeedbackResult::State::error:
        context_.metrics->feedback_error.add();
        break;
    }
  }
}

}  // namespace yardmaster::agent
