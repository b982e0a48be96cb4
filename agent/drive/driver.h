#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/drive/workload.h"
#include "agent/http/client.h"

namespace yardmaster::agent {

/// How a daemon is driven.
struct DriveOptions {
  HttpEndpoint endpoint;
  std::shared_ptr<boost::asio::ssl::context> tls;  ///< of an endpoint with TLS
  std::string api_key;                             ///< empty: none
  std::size_t concurrency = 8;                     ///< connections, one query at a time on each
  std::string metric = "quality";                  ///< that the feedback carries
  std::string router;  ///< of the daemon; empty: its first, which chat cannot ask for
  bool chat = false;   ///< /v1/chat/completions in place of /v1/route and /v1/outcomes
  std::chrono::milliseconds request_timeout{30'000};
};

/// Requests of one kind. Retries of a request count once.
struct RequestCount {
  std::uint64_t sent = 0;
  std::uint64_t acknowledged = 0;
};

/// What became of a drive.
struct DriveTally {
  std::vector<std::optional<std::size_t>> chosen;  ///< a model index for each query sent
  RequestCount decisions;
  RequestCount outcomes;  ///< of /v1/outcomes; after chat the daemon knows them itself
  RequestCount feedback;
  std::uint64_t retries = 0;                 ///< after 429 or 503
  std::uint64_t errors = 0;                  ///< queries of which something was lost or refused
  std::vector<std::string> error_examples;   ///< the first few
  std::vector<double> decision_latencies_s;  ///< of route or chat, as the client sees them
  double wall_s = 0;
  bool complete = false;  ///< every query was sent; false: the daemon went away
};

/// Asks the daemon for its models. Fails as HttpClient does, or where the answer is not a 200 of a
/// daemon.
Result<DaemonInfo> ask_daemon_info(const DriveOptions& options);

/// Sends the workload: for each query a decision, its outcome, its feedback, one after the other.
/// Requests refused with 429 or 503 are repeated after their Retry-After, a few times. Stops early
/// when no connection can be had. `progress(done)` is called after each query. Blocks.
DriveTally drive(const DriveOptions& options, const Workload& workload,
                 const std::function<void(std::uint64_t)>& progress);

}  // namespace yardmaster::agent
