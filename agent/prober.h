#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <cstddef>
#include <memory>
#include <vector>

#include "agent/api/chat_attempt.h"
#include "agent/api/services.h"

namespace yardmaster::agent {

/// Asks upstreams whether models whose circuits are open are well again, so that no client's call
/// has to try. A coroutine for each of Services::probes, on one io thread; one thread.
class Prober {
 public:
  /// Both outlive the io_context's last handler.
  Prober(Services& services, ThreadContext& context) : services_(services), context_(context) {}

  void start(boost::asio::any_io_executor executor);

  /// Cancels what is under way, and asks no more.
  void stop();

 private:
  boost::asio::awaitable<void> ask_again_and_again(const ProbePlan& plan);
  boost::asio::awaitable<ChatAttempt> ask(const ProbePlan& plan);
  std::vector<std::size_t> models_to_ask_for(const ProbePlan& plan) const;
  void report(const ProbePlan& plan, std::size_t model, const ChatAttempt& attempt);

  Services& services_;
  ThreadContext& context_;
  std::vector<std::shared_ptr<boost::asio::cancellation_signal>> under_way_;  ///< one a coroutine
  bool stopped_ = false;
};

}  // namespace yardmaster::agent
