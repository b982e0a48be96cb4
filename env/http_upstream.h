#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "env/connection_pool.h"
#include "env/http_stream.h"
#include "env/upstream.h"
#include "env/upstream_connection.h"

namespace yardmaster::env {

/// Sends calls to a server that speaks OpenAI's API or Anthropic's, by HTTP/1.1 over TCP or TLS, on
/// keep-alive connections of its own. A call is sent again, once, only when a connection kept from
/// an earlier call turns out to have been closed before the first byte of an answer.
class HttpUpstream final : public Upstream {
 public:
  static Result<std::unique_ptr<Upstream>> make(const UpstreamSpec& spec,
                                                boost::asio::any_io_executor executor);

  HttpUpstream(const UpstreamSpec& spec, Origin origin, std::string base_path, std::string headers,
               std::shared_ptr<TlsClient> tls, boost::asio::any_io_executor executor);

  boost::asio::awaitable<Result<ChatAnswer>> chat(ChatCall call) override;

  boost::asio::awaitable<Result<StreamedAnswer>> stream(ChatCall call) override;

  boost::asio::awaitable<Result<ChatAnswer>> list_models(SteadyTime deadline) override;

  const UpstreamSpec& spec() const override { return *spec_; }

  const ConnectionPool& connections() const { return *pool_; }

 private:
  boost::asio::awaitable<Status> begin(UpstreamCall& under_way, const ChatCall& call);
  boost::asio::awaitable<Status> send(UpstreamCall& under_way, std::string request,
                                      SteadyTime deadline, CallProgress* progress);
  boost::asio::awaitable<Status> connect(UpstreamCall& under_way, SteadyTime deadline);

  std::shared_ptr<const UpstreamSpec> spec_;  ///< shared with streams, which may live longer
  Origin origin_;
  std::string base_path_;           ///< without a trailing slash
  std::string headers_;             ///< that each call has; holds the key
  std::shared_ptr<TlsClient> tls_;  ///< nullptr: plain
  std::shared_ptr<ConnectionPool> pool_;
  boost::asio::any_io_executor executor_;
};

}  // namespace yardmaster::env
