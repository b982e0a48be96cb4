#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>

#include "env/connection_pool.h"
#include "env/http_exchange.h"
#include "env/upstream.h"

namespace yardmaster::env {

inline double seconds_since(SteadyTime start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// A call under way: its connection, and the exchange on it. One thread.
class UpstreamCall {
 public:
  explicit UpstreamCall(std::shared_ptr<const UpstreamSpec> spec) : spec_(std::move(spec)) {}

  void take(ConnectionPool::Lease lease) { lease_.emplace(std::move(lease)); }

  /// In place of the connection there was; ends the exchange on that.
  void set_connection(std::unique_ptr<UpstreamConnection> connection) {
    exchange_.reset();
    lease_->set(std::move(connection));
  }

  HttpExchange& start(const boost::asio::any_io_executor& executor, const ExchangeLimits& limits) {
    return exchange_.emplace(*lease_->connection(), executor, limits);
  }

  HttpExchange& exchange() { return *exchange_; }
  const HttpExchange& exchange() const { return *exchange_; }

  /// Of a complete exchange: the connection may carry the next call, if it can.
  void keep_connection() {
    if (exchange_->reusable()) lease_->keep();
  }

  /// The answer of a call that began at `start`, once its exchange has read all, and the connection
  /// kept; or why it was not `whole`.
  Result<ChatAnswer> finish(bool whole, SteadyTime start);

  /// Why the exchange failed, and what to do.
  Error failure() const;

 private:
  std::shared_ptr<const UpstreamSpec> spec_;
  std::optional<ConnectionPool::Lease> lease_;
  std::optional<HttpExchange> exchange_;  // on the lease's connection
};

/// An answer that comes bit by bit by HTTP.
class HttpStream final : public AnswerStream {
 public:
  explicit HttpStream(std::shared_ptr<const UpstreamSpec> spec) : call_(std::move(spec)) {}

  UpstreamCall& call() { return call_; }

  boost::asio::awaitable<Result<std::string_view>> read() override;
  bool ended() const override { return call_.exchange().complete(); }
  void cancel() override { call_.exchange().cancel(); }
  void end_by(SteadyTime deadline) override { call_.exchange().end_by(deadline); }

 private:
  UpstreamCall call_;
  std::string bytes_;
};

}  // namespace yardmaster::env
