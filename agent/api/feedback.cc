// POST /v1/outcomes and /v1/feedback: what came of decisions.

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "agent/api/api.h"
#include "agent/api/feedback_request.h"
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

using replay::FeedbackItem;
using replay::FeedbackResult;

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
  services_.keys.charges.settle(id, tokens_of(outcome), cost_usd, outcome);
  for (const RouterService& service : services_.routers) {
    if (BudgetPacer* pacer = service.router->pacer()) pacer->spent(id, cost_usd);
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

/// What the daemon itself says of a decision. Nobody waits for it; where it is lost the log says
/// so.
void Api::give_feedback(std::vector<replay::FeedbackItem> items) {
  if (items.empty()) return;
  services_.store.append_feedback(std::move(items), [](std::vector<FeedbackResult> results) {
    for (const FeedbackResult& each : results) {
      if (each.error) spdlog::warn("a measured metric is lost: {}", each.error->message);
    }
  });
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
  read->outcome.error = services_.texts.other(std::move(read->outcome.error));
  price_outcome(read->id, read->outcome);
  auto measured = implicit_feedback(services_.own_metrics, read->id, read->outcome, {});
  const Status stored = co_await log_outcome(read->id, std::move(read->outcome), {});
  if (!stored) co_return to_response(stored.error());
  give_feedback(std::move(measured));
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
    auto item = read_feedback_item(items[i], caller.name, now, unknown);
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
    if (auto refused = take_feedback(caller, good.size())) co_return std::move(*refused);
    for (FeedbackItem& item : good) {
      item.feedback.comment = services_.texts.other(std::move(item.feedback.comment));
    }
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
  if (caller.key != nullptr) {
    const auto stored = std::count_if(results.begin(), results.end(), [](const auto& result) {
      return result.state == FeedbackResult::State::stored;
    });
    caller.key->account->count_feedback(static_cast<std::uint64_t>(stored));
  }
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
