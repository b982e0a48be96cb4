#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "env/model_pool.h"

namespace yardmaster::env {

/// Where models are served, as the config says.
struct UpstreamSpec {
  enum class Kind { openai, simulated };

  std::string name;
  Kind kind = Kind::openai;
  std::string base_url;  ///< "https://api.openai.com/v1"; not used by simulated ones
  std::string api_key;   ///< secret; sent as a bearer token unless empty
  std::string ca_file;   ///< PEM; empty: the system's certificates
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds total_timeout{120'000};
  std::uint32_t max_connections = 256;  ///< open at once, per io thread
  std::uint64_t max_response_bytes = 64u << 20;
  std::uint64_t seed = 0;  ///< of simulated ones
  double time_scale = 0;   ///< simulated ones wait their latency times this; 0: answer at once
};

/// One call of /chat/completions, ready to send.
struct ChatCall {
  const ModelSpec* model = nullptr;
  std::string body;         ///< the client's own bytes with the model spliced (splice_model)
  std::string traceparent;  ///< passed on; empty: none
};

/// What an upstream answered, whatever the status.
struct ChatAnswer {
  unsigned status = 0;
  std::string content_type;
  std::string body;
  std::string retry_after;  ///< the header; empty: none
  double latency_s = 0;     ///< from the call to the last byte; simulated ones state theirs
};

/// A service that answers chat completions. One object an io thread; its methods are called on
/// that thread only, any number at once. Destroy it when no call is under way.
class Upstream {
 public:
  virtual ~Upstream() = default;

  /// Sends the call and reads the whole answer. Fails with unavailable when no connection could
  /// be had, with io when it broke, with timed_out when a deadline passed, never later than the
  /// total timeout. An HTTP error status is an answer, not a failure.
  virtual boost::asio::awaitable<Result<ChatAnswer>> chat(ChatCall call) = 0;
};

/// Makes the client of one upstream for one io thread. Fails with invalid_argument on a base_url
/// that is no http or https URL, with io where ca_file cannot be read.
Result<std::unique_ptr<Upstream>> make_upstream(const UpstreamSpec& spec,
                                                boost::asio::any_io_executor executor);

/// What the usage object of an answer says.
struct Usage {
  std::optional<std::uint64_t> input_tokens;
  std::optional<std::uint64_t> output_tokens;
  std::string response_id;
};

/// Reads id and usage from an OpenAI chat completion; what is absent or odd stays empty.
Usage read_usage(std::string_view answer_body);

/// The client's body with the value of the top-level "model" replaced by `model` (added if
/// absent) and every other byte as it was. `body` must be a valid JSON object. Of doubled "model"
/// keys each is replaced, so that no upstream sees the router's name.
std::string splice_model(std::string_view body, std::string_view model);

}  // namespace yardmaster::env
