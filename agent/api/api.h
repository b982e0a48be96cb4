#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/api/chat_attempt.h"
#include "agent/api/services.h"
#include "agent/http/server.h"

namespace yardmaster::agent {

/// The HTTP API of one io thread: finds the handler of a request, checks the key, answers.
/// docs/api.md describes every route. One thread.
class Api {
 public:
  Api(Services& services, ThreadContext& context) : services_(services), context_(context) {}

  /// The server's handler.
  boost::asio::awaitable<HttpResponse> handle(HttpRequest request);

 private:
  struct Endpoint;
  using Method = boost::asio::awaitable<HttpResponse> (Api::*)(HttpRequest, Caller);

  static const Endpoint* find_endpoint(std::string_view method, std::string_view path);
  boost::asio::awaitable<HttpResponse> answer(const Endpoint& endpoint, HttpRequest request,
                                              std::shared_ptr<AccessEntry> access);

  // One file each group: route.cc, chat.cc, pass.cc, feedback.cc, info.cc, admin.cc, keys.cc.
  boost::asio::awaitable<HttpResponse> route(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> chat(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> messages(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> embeddings(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> responses(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> completions(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> outcomes(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> feedback(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> models(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> decision(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> policy_status(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> policy_checkpoint(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> policy_rollback(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> policy_promote(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> learner_status(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> learner_pause(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> learner_resume(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> reload(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> backup(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> feedback_report(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> keys_list(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> keys_add(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> keys_revoke(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> prometheus_metrics(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> healthz(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> readyz(HttpRequest request, Caller caller);
  boost::asio::awaitable<HttpResponse> openapi(HttpRequest request, Caller caller);

  using PendingLog = std::shared_ptr<StoreWaits::Pending<Status>>;

  struct ChatTarget;
  struct ChatRun;
  struct ChatLeg;
  struct ChatRace;
  class ChatStream;

  std::optional<HttpResponse> take_request(const Caller& caller);
  std::optional<HttpResponse> take_feedback(const Caller& caller, std::size_t values);
  std::optional<HttpResponse> admit(const Caller& caller, const env::Query& query,
                                    RouteRequest& request);
  void add_limit_headers(const Caller& caller, HttpResponse& response);
  void settle(const DecisionId& id, const Outcome& outcome);
  boost::asio::awaitable<void> encode(const RouterService& service, RouteRequest& request);
  static boost::asio::awaitable<std::vector<float>> encode_ahead(EncodingThread& thread,
                                                                 const env::Query& query);
  const PublishedPolicy& policy_of(const RouterService& service);
  Result<Routed> decide(const RouterService& service, const RouteRequest& request);
  void find_session(const Caller& caller, RouteRequest& request);
  void find_turn(const RouterService& service, RouteRequest& request);
  void remember_turn(const RouteRequest& request, const Decision& decision);
  double expected_tokens(const env::Query& query) const;
  std::vector<std::string> unavailable_models(const env::Query& query) const;
  Status leave_out_unaffordable(ChatRun& run) const;
  void take_back(const RouterService& service, const Routed& routed);
  void count_decision(const Routed& routed, bool logged);
  void count_choice(const env::ModelSpec& model, bool degraded);
  PendingLog begin_log(std::shared_ptr<const Decision> decision);
  boost::asio::awaitable<Status> finish_log(PendingLog log);
  boost::asio::awaitable<Status> log_outcome(DecisionId id, Outcome outcome,
                                             std::string response_id);
  boost::asio::awaitable<Result<ChatTarget>> choose_first(ChatRun& run);
  Result<ChatTarget> choose_next(ChatRun& run, const ChatTarget& failed);
  Result<ChatTarget> choose_routed(ChatRun& run);
  Result<ChatTarget> choose_hedge(ChatRun& run, const ChatLeg& slow);
  Result<ChatTarget> draw(ChatRun& run);
  void leave_out_failed(ChatRun& run);
  boost::asio::awaitable<Result<ChatTarget>> choose_named(ChatRun& run);
  Result<ChatTarget> choose_passed(ChatRun& run);
  Result<const env::ModelSpec*> named_model(const ChatRun& run) const;
  boost::asio::awaitable<HttpResponse> serve(HttpRequest request, Caller caller,
                                             env::ApiRoute route);
  boost::asio::awaitable<HttpResponse> pass(HttpRequest request, Caller caller,
                                            env::ApiRoute route);
  boost::asio::awaitable<HttpResponse> answer_chat(std::shared_ptr<ChatRun> run, ChatTarget target);
  HttpResponse chat_response(ChatRun& run, ChatTarget target, ChatAttempt attempt);
  Decision direct_decision(const env::ModelSpec& model, const RouteRequest& options);

  // chat_race.cc
  boost::asio::awaitable<std::shared_ptr<ChatLeg>> call_models(std::shared_ptr<ChatRun> run,
                                                               ChatTarget target);
  boost::asio::awaitable<std::shared_ptr<ChatLeg>> await_winner(std::shared_ptr<ChatRun> run,
                                                                std::shared_ptr<ChatRace> race);
  boost::asio::awaitable<void> conclude_race(std::shared_ptr<ChatRun> run,
                                             std::shared_ptr<ChatRace> race,
                                             std::shared_ptr<ChatLeg> winner);
  static std::string why_lost(const ChatRun& run, const ChatRace& race, const ChatLeg& leg);
  static void watch_client(ChatRun& run);
  bool may_hedge(const ChatRun& run) const;
  std::chrono::steady_clock::time_point hedge_time(const ChatRun& run, const ChatLeg& leg);
  void hedge(const std::shared_ptr<ChatRun>& run, const std::shared_ptr<ChatRace>& race,
             const boost::asio::any_io_executor& executor);
  void start_leg(const std::shared_ptr<ChatRun>& run, const std::shared_ptr<ChatRace>& race,
                 ChatTarget target, const boost::asio::any_io_executor& executor);

  // chat_call.cc
  boost::asio::awaitable<void> call_model(std::shared_ptr<ChatRun> run,
                                          std::shared_ptr<ChatLeg> leg);
  env::ChatCall make_call(const ChatRun& run, ChatLeg& leg, const env::Upstream* upstream);
  boost::asio::awaitable<void> retry_call(ChatRun& run, ChatLeg& leg, ChatAttempt& attempt);
  void count_attempt(ChatRun& run, const ChatLeg& leg);
  void count_given_up(const ChatRun& run, const ChatLeg& leg);
  boost::asio::awaitable<void> conclude(ChatRun& run, ChatLeg& leg);
  boost::asio::awaitable<void> conclude_lost(ChatRun& run, ChatLeg& leg, std::string why);
  void begin_call(ChatTarget& target, const env::Query& query);

  bool may_try_another(const ChatRun& run, const ChatAttempt& attempt) const;
  boost::asio::awaitable<void> know_whether_logged(const ChatRun& run, ChatTarget& target);
  boost::asio::awaitable<void> record(ChatTarget& target, Outcome outcome, const env::Usage& usage);
  void give_feedback(std::vector<replay::FeedbackItem> items);
  void note_answer(const ChatRun& run, const ChatTarget& target);
  void price_outcome(const DecisionId& id, Outcome& outcome) const;
  void count_feedback(const std::vector<replay::FeedbackResult>& results);
  void count_upstream(const env::ModelSpec& model, bool success, double latency_us);
  void count_first_token(const env::ModelSpec& model, double first_token_s);
  void count_call(env::ApiRoute route, const env::ModelSpec& model, const GenAiCall& call);
  void count_failure(const env::ModelSpec& model, const CallFailure& failure);
  /// nullptr if none that runs serves the model.
  env::Upstream* upstream_of(const env::ModelSpec& model) const;
  std::size_t index_of(const env::ModelSpec& model) const;
  ServingMetrics::Model& metrics_of(const env::ModelSpec& model);

  Services& services_;
  ThreadContext& context_;
};

}  // namespace yardmaster::agent
