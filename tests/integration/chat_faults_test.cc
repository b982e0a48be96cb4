// Thousands of faults of upstreams, from many clients at once: nothing is left behind, and the
// clients notice next to nothing.

#include <gmock/gmock.h>
#include <malloc.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "tests/integration/flaky_model_fixture.h"

namespace yardmaster {
namespace {

namespace asio = boost::asio;

using test::chunk;
using test::kAnswer;
using test::kStreamHead;
using test::ScriptedServer;
using test::status_answer;
using Peer = ScriptedServer::Peer;

constexpr int kClients = 16;

constexpr char kGoodStream[] =
    "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n"
    "data: [DONE]\n\n";

/// Bytes after which the connection closes, each of them a failure of the call.
const std::vector<std::string>& faults() {
  static const std::vector<std::string> kFaults{
      "",
      "HTTP/1.1 200 OK\r\nContent-Le",
      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"id\"",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
      "SSH-2.0-OpenSSH\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"id\"",
      status_answer("408 Request Timeout"),
      status_answer("429 Too Many Requests"),
      status_answer("500 Oh"),
      status_answer("502 Bad Gateway"),
      status_answer("529 Overloaded"),
      std::string(kStreamHead),
      kStreamHead + chunk("data: {\"error\":\"full\"}\n\n") + "0\r\n\r\n",
      kStreamHead + chunk("data: {\"choices\":[{\"delta\":{\"content\":\"h"),
  };
  return kFaults;
}

/// What many clients were answered.
struct Answers {
  int good = 0;
  int failed = 0;  ///< an error, also as an event of a stream
  int broken = 0;  ///< no answer
};

class ChatFaults : public test::FlakyModelFixture {
 protected:
  /// So many requests to a router, every second one for a stream.
  Answers ask_from_many_clients(const std::string& router, int requests) {
    Answers answers;
    asio::io_context io;
    int left = requests;
    for (int i = 0; i < kClients; ++i) {
      asio::co_spawn(io, ask_until_none_is_left(io, router, left, answers), asio::detached);
    }
    io.run();
    return answers;
  }

  asio::awaitable<void> ask_until_none_is_left(asio::io_context& io, std::string router, int& left,
                                               Answers& answers) {
    agent::HttpClient client(io.get_executor(),
                             agent::HttpEndpoint{"127.0.0.1", std::to_string(daemon_->port()), ""},
                             "", std::chrono::seconds(60));
    while (left-- > 0) {
      std::string body =
          R"({"model": ")" + router + R"(", "messages": [{"role": "user", "content": "hi"}])";
      body += left % 2 == 0 ? R"(, "stream": true})" : "}";
      const auto answer = co_await client.send("/v1/chat/completions", std::move(body), {});
      if (!answer) {
        ++answers.broken;
      } else if (answer->result_int() == 200 &&
                 answer->body().find("\"error\"") == std::string::npos) {
        ++answers.good;
      } else {
        ++answers.failed;
      }
    }
  }

  /// How many are open once no more are being closed.
  static int sockets_left() {
    int left = open_sockets();
    for (int unchanged = 0; unchanged < 10; ++unchanged) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      const int now = open_sockets();
      if (now < left) unchanged = 0;
      left = now;
    }
    return left;
  }

  static int open_sockets() {
    int count = 0;
    for (const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code closed;
      const auto what = std::filesystem::read_symlink(each.path(), closed);
      if (!closed && what.string().starts_with("socket:")) ++count;
    }
    return count;
  }

  /// Without what the C library keeps of what was freed, which is more the more threads there were.
  static std::size_t resident_bytes() {
    ::malloc_trim(0);
    std::size_t all = 0;
    std::size_t resident = 0;
    std::ifstream("/proc/self/statm") >> all >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  }
};

TEST_F(ChatFaults, TenThousandLeaveNoConnectionAndNoMemoryBehind) {
  std::atomic<int> played{0};
  serve(
      [&](Peer& peer, int request) {
        // Now and then it is well, so that its circuit stays closed.
        Rng rng(2026, static_cast<std::uint64_t>(request));
        if (rng.below(8) == 0) return peer.answer(kAnswer);
        peer.send(faults()[rng.below(faults().size())]);
        peer.close();
        ++played;
      },
      "",
      "breaker: {consecutive_failures: 64, failure_rate: 1, open_s: 0.01, max_open_s: 0.01}\n"
      "retry: {max_retries: 0}\n");
  while (played < 5'000) ask_from_many_clients("first", 200);
  const int sockets = sockets_left();
  const std::size_t memory = resident_bytes();

  while (played < 15'000) {
    const Answers answers = ask_from_many_clients("first", 500);
    ASSERT_EQ(answers.broken, 0);
    ASSERT_EQ(answers.failed, 0);
  }
  EXPECT_LE(sockets_left(), sockets + kClients);
  // The store's write buffers may hold 128 MiB of the decisions, of which there are the more the
  // busier the machine is; a sanitizer holds what was freed.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LE(resident_bytes(), memory + 200'000'000);
#else
  static_cast<void>(memory);
#endif
}

TEST_F(ChatFaults, WithAFifthOfAllCallsFailingAndOneHealthyModelClientsGetAnswers) {
  std::atomic<int> calls{0};
  std::atomic<int> played{0};
  server_ = std::make_unique<ScriptedServer>([&](Peer& peer) {
    while (const auto request = peer.read()) {
      Rng rng(2027, static_cast<std::uint64_t>(calls++));
      if (rng.uniform() < 0.2) {
        ++played;
        peer.send(faults()[rng.below(faults().size())]);
        return;
      }
      if (request->body().find("\"stream\"") == std::string::npos) {
        peer.answer(kAnswer);
      } else {
        peer.send(kStreamHead + chunk(kGoodStream) + "0\r\n\r\n");
      }
    }
  });
  more_upstreams_ =
      ", {name: played, base_url: 'http://127.0.0.1:" + std::to_string(server_->port()) + "/v1'}";
  for (const char* model : {"a", "b", "c", "d"}) {
    more_models_ += std::string("  - {name: flaky-") + model + ", upstream: played}\n";
  }
  start("routers: [{name: learning, policy: random}]\n");
  const Answers answers = ask_from_many_clients("learning", 3'000);
  EXPECT_GE(played, 300);
  EXPECT_GE(answers.good, 2'997);
}

}  // namespace
}  // namespace yardmaster
