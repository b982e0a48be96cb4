#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/api/api.h"
#include "agent/api/chat_attempt.h"

namespace yardmaster::agent {

/// A model for a chat request and the decision that chose it.
struct Api::ChatTarget {
  std::shared_ptr<const Decision> decision;  ///< shared with the log
  const env::ModelSpec* model = nullptr;
  PendingLog log;                  ///< of the decision, which is written while the model is called
  bool logged = false;             ///< known when the log has been waited for
  bool passed = false;             ///< nothing was decided: the client named the model, for no chat
  bool trial = false;              ///< of a circuit that is half open
  std::uint64_t prompt_bytes = 0;  ///< of the query
  ModelLoad::Call load = {};       ///< until the answer has ended
};

/// One model called for a request. Its coroutine and the race share it, so that either may end
/// first. One thread.
struct Api::ChatLeg {
  explicit ChatLeg(ChatTarget chosen) : target(std::move(chosen)) {}

  /// Closes its connection soon. From then on it does not end any more, as far as the race goes.
  void cancel();

  ChatTarget target;
  const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  env::CallProgress progress = {};
  ChatAttempt attempt = {};        ///< once it has ended
  Hedging::Seconds first_byte{0};  ///< from the start, once it has ended
  bool ended = false;
  bool cancelled = false;
  bool concluded = false;  ///< counted, and its outcome recorded
  boost::asio::cancellation_signal signal = {};
};

/// The models called for a request at the same time: one, and with a hedge two. One thread.
struct Api::ChatRace {
  explicit ChatRace(boost::asio::any_io_executor executor) : timer(std::move(executor)) {}

  /// Waits for a wake(), which may have come already, or for that time.
  boost::asio::awaitable<void> wait_until(std::chrono::steady_clock::time_point time);
  void wake();

  /// The first leg that succeeded; where all have ended without, the one to answer with. nullptr
  /// while it is open.
  std::shared_ptr<ChatLeg> winner() const;

  boost::asio::steady_timer timer;
  bool woken = false;
  std::exception_ptr failure = {};                   ///< of what should not fail
  std::vector<std::shared_ptr<ChatLeg>> legs = {};   ///< in their order of starting
  std::vector<std::shared_ptr<ChatLeg>> ended = {};  ///< in their order of ending
};

/// A chat request under way. Shared with the coroutines that call models for it.
struct Api::ChatRun : std::enable_shared_from_this<ChatRun> {
  ChatRun(HttpRequest its_request, env::Query its_query, env::ApiRoute its_route,
          std::chrono::steady_clock::time_point begun)
      : request(std::move(its_request)),
        query(std::move(its_query)),
        start(begun),
        route(its_route) {}

  const HttpRequest request;
  const env::Query query;
  const std::chrono::steady_clock::time_point start;
  const env::ApiRoute route;
  RouteRequest options = {};
  const RouterService* service = nullptr;  ///< nullptr: the client names the model

  /// Of the whole request: the total timeout of the first model's upstream.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::vector<FailedAttempt> failed = {};
  std::uint32_t attempts = 0;                ///< of models
  std::uint32_t retries = 0;                 ///< calls beyond one a model
  double upstream_s = 0;                     ///< spent waiting for upstreams
  std::shared_ptr<AccessEntry> access = {};  ///< nullptr: none is kept

  std::weak_ptr<ChatRace> race = {};  ///< the one that is on, if any
  bool watched = false;               ///< the client is
  bool client_gone = false;
  std::string_view hedge = {};  ///< of one that was hedged, whether that won: as the header says it
};

}  // namespace yardmaster::agent
