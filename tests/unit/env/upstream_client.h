#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>

#include "env/connection_pool.h"
#include "env/http_upstream.h"
#include "env/upstream.h"
#include "tests/common/scripted_server.h"

namespace yardmaster::env {

inline constexpr char kKey[] = "sk-very-secret";

/// Runs a coroutine to its end on this thread.
template <class T>
T run(boost::asio::io_context& io, boost::asio::awaitable<T> work) {
  std::optional<T> result;
  boost::asio::co_spawn(io, std::move(work), [&](std::exception_ptr failed, T value) {
    if (failed) std::rethrow_exception(failed);
    result.emplace(std::move(value));
    io.stop();
  });
  io.restart();
  io.run();
  return std::move(*result);
}

/// A client of one upstream on its own io_context.
class Client {
 public:
  explicit Client(UpstreamSpec spec)
      : upstream_(std::move(*HttpUpstream::make(spec, io_.get_executor()))) {}

  Result<ChatAnswer> chat(std::string body = "{}", std::string traceparent = "") {
    return run(io_, upstream_->chat({nullptr, std::move(body), std::move(traceparent)}));
  }

  const ConnectionPool& connections() const {
    return static_cast<HttpUpstream&>(*upstream_).connections();
  }

  boost::asio::io_context& io() { return io_; }
  Upstream& upstream() { return *upstream_; }

 private:
  boost::asio::io_context io_{1};
  std::unique_ptr<Upstream> upstream_;
};

inline UpstreamSpec plain(const test::ScriptedServer& server) {
  UpstreamSpec spec;
  spec.name = "hosted";
  spec.base_url = "http://127.0.0.1:" + std::to_string(server.port()) + "/v1";
  spec.api_key = kKey;
  return spec;
}

/// The error of a call that must fail. No error may tell the key.
inline Error failure(const Result<ChatAnswer>& result) {
  EXPECT_FALSE(result);
  if (result) return {};
  EXPECT_THAT(result.error().message, testing::HasSubstr("upstream 'hosted'"));
  EXPECT_THAT(result.error().message, testing::Not(testing::HasSubstr(kKey)));
  return result.error();
}

/// The body of an answer, or what went wrong.
inline std::string body_of(const Result<ChatAnswer>& result) {
  return result ? result->body : result.error().message;
}

/// Answers each request with its number.
inline void answer_all(test::ScriptedServer::Peer& peer) {
  for (int i = 1; peer.read(); ++i) peer.answer(std::to_string(i));
}

}  // namespace yardmaster::env
