#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/api/api.h"
#include "agent/api/chat_attempt.h"

namespace yardmaster::agent {

/// A model for a chat request and the decision that chose it.
struct Api::ChatTarget {
  Decision decision;
  const env::ModelSpec* model = nullptr;
  PendingLog log;                  ///< of the decision, which is written while the model is called
  bool logged = false;             ///< known when the log has been waited for
  bool passed = false;             ///< nothing was decided: the client named the model, for no chat
  std::uint64_t prompt_bytes = 0;  ///< of the query
  ModelLoad::Call load = {};       ///< until the answer has ended
};

/// A chat request under way.
struct Api::ChatRun {
  const HttpRequest& request;
  const env::Query& query;
  std::chrono::steady_clock::time_point start;
  env::ApiRoute route;
  RouteRequest options = {};
  const RouterService* service = nullptr;  ///< nullptr: the client names the model

  /// Of the whole request: the total timeout of the first model's upstream.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::vector<FailedAttempt> failed = {};
  std::uint32_t attempts = 0;                ///< of models
  std::uint32_t retries = 0;                 ///< calls beyond one a model
  double upstream_s = 0;                     ///< spent waiting for upstreams
  std::shared_ptr<AccessEntry> access = {};  ///< nullptr: none is kept
};

/// The answer of a model while it is generated: passes the events on as they come, then records
/// what came of it, and tells the client in a closing comment. One thread.
class Api::ChatStream final : public StreamedBody {
 public:
  /// `attempt` has a stream. `api` outlives this.
  ChatStream(Api& api, env::ApiRoute route, ChatTarget target, ChatAttempt attempt,
             std::shared_ptr<AccessEntry> access)
      : api_(api),
        route_(route),
        target_(std::move(target)),
        attempt_(std::move(attempt)),
        access_(std::move(access)) {}

  boost::asio::awaitable<void> write_to(BodyWriter& out) override;

 private:
  boost::asio::awaitable<void> pass_on(BodyWriter& out);
  Outcome make_outcome(double total_s) const;
  void count(const Outcome& outcome) const;
  std::string closing_comment(const Outcome& outcome) const;

  Api& api_;
  env::ApiRoute route_;
  ChatTarget target_;
  ChatAttempt attempt_;
  std::shared_ptr<AccessEntry> access_;             ///< nullptr: none is kept
  bool gone_ = false;                               ///< the client is
  std::string failure_;                             ///< of the upstream; empty: none
  std::chrono::steady_clock::duration writing_{0};  ///< time in which the client held us up
};

}  // namespace yardmaster::agent
