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
#include "env/api_route.h"
#include "env/model_pool.h"
#include "env/usage.h"

namespace yardmaster::env {

/// Where models are served, as the config says.
struct UpstreamSpec {
  enum class Kind { openai, anthropic, simulated };

  std::string name;
  Kind kind = Kind::openai;
  std::string base_url;  ///< "https://api.openai.com/v1"; not used by simulated ones
  std::string api_key;   ///< secret; not sent if empty
  std::string ca_file;   ///< PEM; empty: the system's certificates

  /// "http://user:password@proxy:3128", through which connections are made (proxy_of finds it);
  /// empty: none. May hold a secret.
  std::string proxy;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds first_byte_timeout{120'000};  ///< from the call to the answer's first
  std::chrono::milliseconds idle_timeout{60'000};         ///< between bytes of the answer
  std::chrono::milliseconds total_timeout{600'000};       ///< from the call to the answer's last
  bool stream_usage = true;             ///< it takes stream_options, and tells the usage of streams
  std::uint32_t max_connections = 256;  ///< open at once, per io thread
  std::uint64_t max_response_bytes = 64u << 20;
  std::uint64_t seed = 0;  ///< of simulated ones
  double time_scale = 0;   ///< simulated ones wait their latency times this; 0: answer at once
};

/// What is known of a call while it is under way. One thread.
struct CallProgress {
  /// When the head of an answer was there; nothing where the call's upstream tells no such thing.
  std::optional<std::chrono::steady_clock::time_point> answered;
};

/// One call of a model, ready to send.
struct ChatCall {
  const ModelSpec* model = nullptr;
  std::string body;         ///< the client's own bytes with the model spliced (splice_model)
  std::string traceparent;  ///< passed on, as tracestate is; empty: none
  ApiRoute route = ApiRoute::chat_completions;  ///< that the body is for

  std::string tracestate = {};

  // Of a client that speaks Anthropic's API itself; empty: none.
  std::string anthropic_version = {};
  std::string anthropic_beta = {};

  /// Before which the call ends, however long the upstream's own timeouts are.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();

  CallProgress* progress = nullptr;  ///< outlives the call; nullptr: nobody looks
};

/// What an upstream answered, whatever the status.
struct ChatAnswer {
  unsigned status = 0;
  std::string content_type;
  std::string body;
  std::string retry_after;  ///< the header; empty: none
  double latency_s = 0;     ///< from the call to the last byte; simulated ones state theirs
};

/// The body of an answer that comes bit by bit. Destroying it gives the call up and closes its
/// connection, unless the body has ended. One thread.
class AnswerStream {
 public:
  virtual ~AnswerStream() = default;

  /// Waits for more of the body: at least a byte, valid until the next call. Empty: it ended where
  /// its framing says. Fails with io when it broke, with timed_out when a deadline passed. What is
  /// not asked for is not read: a reader that waits makes the upstream wait.
  virtual boost::asio::awaitable<Result<std::string_view>> read() = 0;

  virtual bool ended() const = 0;  ///< read() has come, or would come, to the end without waiting

  /// Makes a read under way, and any later one, fail soon. For the thread of read().
  virtual void cancel() = 0;

  /// From now on nothing is waited for beyond this.
  virtual void end_by(std::chrono::steady_clock::time_point deadline) = 0;

  /// What a simulated upstream says that its answer took, to the first and to the last token.
  struct Latency {
    double first_token_s = 0;
    double total_s = 0;
  };
  virtual std::optional<Latency> stated_latency() const { return std::nullopt; }
};

/// How the answer to a streaming call begins.
struct StreamedAnswer {
  ChatAnswer answer;                     ///< its body is there only where there is no stream
  std::unique_ptr<AnswerStream> stream;  ///< nullptr: no event stream came, such as with an error
};

/// Reads what is left of a body whose end is near, and throws it away, for a second at most: then
/// its connection can be kept.
boost::asio::awaitable<void> read_rest(std::unique_ptr<AnswerStream> stream);

/// A service that answers calls of models, in the terms of the call's route whatever API it has
/// itself. One object an io thread; its methods are called on that thread only, any number at once.
/// Destroy it when no call is under way.
class Upstream {
 public:
  virtual ~Upstream() = default;

  /// Sends the call and reads the whole answer. Fails with unavailable when no connection could
  /// be had, with io when it broke, with timed_out when a deadline passed, never later than the
  /// total timeout, with unsupported on a route that it has not. An HTTP error status is an answer,
  /// not a failure.
  virtual boost::asio::awaitable<Result<ChatAnswer>> chat(ChatCall call) = 0;

  /// Sends a call whose body asks for a stream, and reads the head of the answer. Fails as chat()
  /// does. The stream may outlive this object.
  virtual boost::asio::awaitable<Result<StreamedAnswer>> stream(ChatCall call) = 0;

  /// Asks for the list of models, which shows whether the upstream is there and takes the key, and
  /// costs nothing. Fails as chat() does.
  virtual boost::asio::awaitable<Result<ChatAnswer>> list_models(
      std::chrono::steady_clock::time_point deadline) = 0;

  virtual const UpstreamSpec& spec() const = 0;
};

/// Makes the client of one upstream for one io thread. Fails with invalid_argument on a base_url
/// that is no http or https URL, with io where ca_file cannot be read.
Result<std::unique_ptr<Upstream>> make_upstream(const UpstreamSpec& spec,
                                                boost::asio::any_io_executor executor);

/// The client's body with the value of the top-level "model" replaced by `model` (added if
/// absent) and every other byte as it was. `body` must be a valid JSON object. Of doubled "model"
/// keys each is replaced, so that no upstream sees the router's name.
std::string splice_model(std::string_view body, std::string_view model);

/// The client's body with "include_usage": true in its "stream_options", which are added if absent,
/// and every other byte as it was. `body` must be a valid JSON object.
std::string splice_stream_usage(std::string_view body);

}  // namespace yardmaster::env
