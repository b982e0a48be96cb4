#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "agent/http/server.h"
#include "tests/common/raw_client.h"

namespace yardmaster::agent {

/// A streamed body that does what the path asks for: /stream has three pieces, /stream/broken
/// throws after the first, /stream/flood never ends, /stream/silent waits after its first piece
/// until it hears that the client is gone.
class TestBody final : public StreamedBody {
 public:
  /// What a test may know of the bodies.
  struct Seen {
    std::atomic<std::size_t> flooded{0};  ///< bytes that were taken of /stream/flood
    std::promise<void> ended;             ///< of a /stream/flood or /stream/silent
  };

  TestBody(std::string target, Seen& seen, boost::asio::any_io_executor executor)
      : target_(std::move(target)), seen_(seen), silence_(std::move(executor)) {}

  boost::asio::awaitable<void> write_to(BodyWriter& out) override {
    silence_.expires_at(boost::asio::steady_timer::time_point::max());
    out.when_gone([this] { silence_.cancel(); });
    if (target_ == "/stream/flood") {
      const std::string piece(64u << 10, 'x');
      while (co_await out.write(piece)) seen_.flooded += piece.size();
      seen_.ended.set_value();
      co_return;
    }
    co_await out.write("one");
    if (target_ == "/stream/broken") throw std::runtime_error("the stream broke");
    if (target_ == "/stream/silent") {
      co_await silence_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
      seen_.ended.set_value();
      co_return;
    }
    co_await out.write("");
    co_await out.write("two");
    co_await out.write(std::string(300u << 10, 'y'));
  }

 private:
  std::string target_;
  Seen& seen_;
  boost::asio::steady_timer silence_;
};

/// A server on its own thread, with a handler that does what the path asks for: /hold waits until
/// release(), /watch also until it hears that the client is gone.
class RunningServer {
 public:
  explicit RunningServer(HttpLimits limits = {},
                         std::shared_ptr<boost::asio::ssl::context> tls = nullptr)
      : RunningServer(nullptr, limits, std::move(tls)) {}

  /// Accepts from the socket of another.
  explicit RunningServer(HttpServer& other) : RunningServer(&other, {}, nullptr) {}

  ~RunningServer() {
    release();
    start_drain(std::chrono::milliseconds(0)).get();
    io_.stop();
    thread_.join();
  }

  std::uint16_t port() const { return server_->port(); }
  HttpServer& server() { return *server_; }
  TestBody::Seen& seen() { return seen_; }

  std::future<void> start_drain(std::chrono::milliseconds grace) {
    return boost::asio::co_spawn(io_, server_->drain(grace), boost::asio::use_future);
  }

  /// Waits until a request for /hold or /watch is in the handler.
  void wait_until_held() { holding_.get_future().get(); }

  /// Lets requests for /hold and /watch go on.
  void release() {
    boost::asio::post(io_, [this] { held_.cancel(); });
  }

 private:
  RunningServer(HttpServer* other, HttpLimits limits,
                std::shared_ptr<boost::asio::ssl::context> tls)
      : work_(io_.get_executor()), held_(io_) {
    held_.expires_at(boost::asio::steady_timer::time_point::max());
    auto handler = [this](HttpRequest request) { return answer(std::move(request)); };
    auto made = other == nullptr
                    ? HttpServer::listen(io_, "127.0.0.1", 0, limits, handler, std::move(tls))
                    : other->share(io_, limits, handler);
    server_ = std::move(*made);
    server_->shape_errors([](std::string_view target, HttpResponse& error) {
      if (target.starts_with("/shaped")) error.body = "shaped " + std::to_string(error.status);
    });
    server_->start();
    thread_ = std::thread([this] { io_.run(); });
  }

  boost::asio::awaitable<HttpResponse> answer(HttpRequest request) {
    const std::string target(request.target());
    if (target.ends_with("/throw")) throw std::runtime_error("the secret of the inside");
    if (target == "/slow") {
      for (int turn = 0; turn < 10; ++turn)
        co_await boost::asio::post(io_, boost::asio::use_awaitable);
    }
    if (target == "/watch") {
      held_.expires_at(boost::asio::steady_timer::time_point::max());
      request.client->when_gone([this] { held_.cancel(); });
      holding_.set_value();
      co_await held_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
      seen_.ended.set_value();
    }
    if (target == "/hold") {
      holding_.set_value();
      co_await held_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
    HttpResponse response;
    response.content_type = "text/plain";
    response.headers.add("x-line", "a\r\nx-injected: b");
    response.body = std::string(request.method_string()) + " " + target + " " + request.body();
    if (target == "/large") response.body.assign(8u << 20, 'x');
    if (target.starts_with("/stream")) {
      response.stream = std::make_unique<TestBody>(target, seen_, io_.get_executor());
    }
    co_return response;
  }

  TestBody::Seen seen_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer held_;
  std::promise<void> holding_;
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
};

inline std::string get(std::string_view path, std::string_view headers = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n" + std::string(headers) + "\r\n";
}

inline std::string post(std::string_view path, const std::string& body) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

/// The error's message, from an answer that must have OpenAI's shape and close the connection.
inline std::string closing_error(test::RawClient& client, unsigned status) {
  const auto answer = client.read_answer();
  EXPECT_EQ(answer.result_int(), status);
  EXPECT_EQ(answer[boost::beast::http::field::connection], "close");
  EXPECT_EQ(client.read_to_end(), "");
  const auto body = boost::json::parse(answer.body());
  const auto& error = body.at("error");
  EXPECT_TRUE(error.as_object().contains("type") && error.as_object().contains("param") &&
              error.as_object().contains("code"));
  return error.at("message").as_string().c_str();
}

}  // namespace yardmaster::agent
