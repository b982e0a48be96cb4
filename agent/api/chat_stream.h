#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "agent/api/chat_run.h"

namespace yardmaster::agent {

/// The answer of a model while it is generated: passes the events on as they come, then records
/// what came of it, and tells the client in a closing comment. One thread.
class Api::ChatStream final : public StreamedBody {
 public:
  /// `attempt` has a stream. `api` outlives this.
  ChatStream(Api& api, const ChatRun& run, ChatTarget target, ChatAttempt attempt)
      : api_(api),
        route_(run.route),
        hedge_(run.hedge),
        target_(std::move(target)),
        attempt_(std::move(attempt)),
        access_(run.access) {}

  boost::asio::awaitable<void> write_to(BodyWriter& out) override;

 private:
  boost::asio::awaitable<void> pass_on(BodyWriter& out);
  Outcome make_outcome(double total_s) const;
  void count(const Outcome& outcome) const;
  std::string closing_comment(const Outcome& outcome) const;

  Api& api_;
  env::ApiRoute route_;
  std::string_view hedge_;  ///< ChatRun::hedge
  ChatTarget target_;
  ChatAttempt attempt_;
  std::shared_ptr<AccessEntry> access_;             ///< nullptr: none is kept
  bool gone_ = false;                               ///< the client is
  std::string failure_;                             ///< of the upstream; empty: none
  std::chrono::steady_clock::duration writing_{0};  ///< time in which the client held us up
};

}  // namespace yardmaster::agent
