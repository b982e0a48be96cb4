#include "agent/drive/driver.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <charconv>

#include "base/json_text.h"

namespace yardmaster::agent {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

constexpr int kMaxAttempts = 6;
constexpr std::chrono::seconds kLongestRetryAfter{10};
constexpr std::size_t kErrorExamples = 5;
const HttpClient::Headers kNoHeaders;

std::string_view header_of(const HttpClient::Answer& answer, std::string_view name) {
  const auto found = answer.find(boost::beast::string_view(name.data(), name.size()));
  if (found == answer.end()) return {};
  return {found->value().data(), found->value().size()};
}

std::chrono::seconds retry_after(const HttpClient::Answer& answer) {
  const std::string_view text = header_of(answer, "Retry-After");
  int seconds = 1;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return std::clamp(std::chrono::seconds(seconds), std::chrono::seconds(0), kLongestRetryAfter);
}

Error refused(std::string_view target, const HttpClient::Answer& answer) {
  constexpr std::size_t kShown = 300;
  return {ErrorCode::invalid_argument, std::string(target) + " answered " +
                                           std::to_string(answer.result_int()) + ": " +
                                           answer.body().substr(0, kShown)};
}

/// What the daemon decided for a query.
struct Choice {
  std::string decision_id;
  std::string model;
};

Result<Choice> read_choice(const HttpClient::Answer& answer) {
  Choice choice{std::string(header_of(answer, "x-yardmaster-decision-id")),
                std::string(header_of(answer, "x-yardmaster-model"))};
  if (choice.decision_id.empty()) {
    return fail(ErrorCode::unavailable,
                "the daemon decided without logging it (its store is down); see its log");
  }
  return choice;
}

json::object outcome_body(const std::string& decision_id, const KnownOutcome& outcome) {
  json::object body{{"decision_id", decision_id}, {"status", "ok"}, {"cost_usd", outcome.cost_usd}};
  if (outcome.latency_s) body["latency_s"] = *outcome.latency_s;
  if (outcome.input_tokens) body["input_tokens"] = *outcome.input_tokens;
  if (outcome.output_tokens) body["output_tokens"] = *outcome.output_tokens;
  return body;
}

/// One drive under way; all on one thread.
class Drive {
 public:
  Drive(asio::io_context& io, const DriveOptions& options, const Workload& workload,
        const std::function<void(std::uint64_t)>& progress)
      : io_(io), options_(options), workload_(workload), progress_(progress) {
    tally_.chosen.resize(workload.order.size());
  }

  DriveTally run() {
    const auto start = std::chrono::steady_clock::now();
    const std::size_t workers = std::min(options_.concurrency, workload_.order.size());
    for (std::size_t i = 0; i < workers; ++i) asio::co_spawn(io_, work(), asio::detached);
    io_.run();
    tally_.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    tally_.complete = !daemon_gone_;
    return std::move(tally_);
  }

 private:
  asio::awaitable<void> work() {
    HttpClient client(io_.get_executor(), options_.endpoint, options_.api_key,
                      options_.request_timeout, options_.tls);
    while (!daemon_gone_ && next_ < workload_.order.size()) {
      const std::size_t round = next_++;
      const Status served = co_await serve(client, round);
      if (!served) note(served.error());
      progress_(++done_);
    }
  }

  asio::awaitable<Status> serve(HttpClient& client, std::size_t round) {
    const DriveQuery& query = workload_.query(round);
    const auto choice = co_await decide(client, query);
    if (!choice) co_return fail(choice.error());
    const auto model = workload_.find(choice->model);
    if (!model || !query.outcomes[*model]) {
      co_return fail(ErrorCode::not_found, "the daemon chose '" + choice->model +
                                               "', whose outcome is not known for this query");
    }
    const KnownOutcome& outcome = *query.outcomes[*model];
    tally_.chosen[round] = *model;
    if (!options_.chat) {
      std::string body = to_json(outcome_body(choice->decision_id, outcome));
      const auto told =
          co_await ask(client, "/v1/outcomes", std::move(body), kNoHeaders, tally_.outcomes);
      if (!told) co_return fail(told.error());
    }
    const json::object feedback{{"decision_id", choice->decision_id},
                                {"metric", options_.metric},
                                {"value", outcome.quality},
                                {"idempotency_key", "drive-" + choice->decision_id}};
    std::string body = to_json(feedback);
    const auto judged =
        co_await ask(client, "/v1/feedback", std::move(body), kNoHeaders, tally_.feedback);
    if (!judged) co_return fail(judged.error());
    co_return Status{};
  }

  asio::awaitable<Result<Choice>> decide(HttpClient& client, const DriveQuery& query) {
    const std::string_view target = options_.chat ? "/v1/chat/completions" : "/v1/route";
    std::string body = decision_body(query);
    HttpClient::Headers headers = allowed_models(query);
    const auto start = std::chrono::steady_clock::now();
    const auto answer =
        co_await ask(client, target, std::move(body), std::move(headers), tally_.decisions);
    if (!answer) co_return fail(answer.error());
    tally_.decision_latencies_s.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    co_return read_choice(*answer);
  }

  std::string decision_body(const DriveQuery& query) const {
    json::object body;
    if (options_.chat) {
      json::array messages;
      messages.push_back(json::object{{"role", "user"}, {"content", query.text}});
      body["model"] = options_.router;
      body["messages"] = std::move(messages);
    } else {
      body["query"] = query.text;
      if (!options_.router.empty()) body["model"] = options_.router;
    }
    return to_json(body);
  }

  /// Only models whose outcome is known may be chosen.
  HttpClient::Headers allowed_models(const DriveQuery& query) const {
    if (workload_.complete) return {};
    std::string names;
    for (std::size_t m = 0; m < workload_.models.size(); ++m) {
      if (!query.outcomes[m]) continue;
      if (!names.empty()) names += ", ";
      names += workload_.models[m];
    }
    return {{"x-yardmaster-allow-models", std::move(names)}};
  }

  asio::awaitable<Result<HttpClient::Answer>> ask(HttpClient& client, std::string_view target,
                                                  std::string body, HttpClient::Headers headers,
                                                  RequestCount& count) {
    ++count.sent;
    for (int attempt = 1;; ++attempt) {
      auto answer = co_await client.send(std::string(target), body, headers);
      if (!answer) {
        daemon_gone_ = daemon_gone_ || answer.error().code == ErrorCode::unavailable;
        co_return fail(answer.error());
      }
      const unsigned status = answer->result_int();
      if (status == 200) {
        ++count.acknowledged;
        co_return answer;
      }
      const bool later = status == 503 || status == 429;
      if (!later || attempt == kMaxAttempts) co_return fail(refused(target, *answer));
      ++tally_.retries;
      asio::steady_timer timer(io_, retry_after(*answer));
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

  void note(const Error& error) {
    ++tally_.errors;
    if (tally_.error_examples.size() < kErrorExamples) {
      tally_.error_examples.push_back(error.message);
    }
  }

  asio::io_context& io_;
  const DriveOptions& options_;
  const Workload& workload_;
  const std::function<void(std::uint64_t)>& progress_;
  DriveTally tally_;
  std::size_t next_ = 0;
  std::uint64_t done_ = 0;
  bool daemon_gone_ = false;
};

}  // namespace

Result<DaemonInfo> ask_daemon_info(const DriveOptions& options) {
  asio::io_context io{1};
  HttpClient client(io.get_executor(), options.endpoint, options.api_key, options.request_timeout,
                    options.tls);
  auto asked = asio::co_spawn(io, client.send("/v1/models", std::nullopt, {}), asio::use_future);
  io.run();
  const auto answer = asked.get();
  if (!answer) return fail(answer.error());
  if (answer->result_int() != 200) return fail(refused("/v1/models", *answer));
  return read_daemon_info(answer->body());
}

DriveTally drive(const DriveOptions& options, const Workload& workload,
                 const std::function<void(std::uint64_t)>& progress) {
  asio::io_context io{1};
  return Drive(io, options, workload, progress).run();
}

}  // namespace yardmaster::agent
