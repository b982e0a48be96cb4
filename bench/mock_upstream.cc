// An OpenAI-compatible server that answers at once: `mock_upstream PORT [CHUNKS]`. A request with
// "stream" gets CHUNKS events (32 by default), any other one answer of the same text.
#include <boost/asio/io_context.hpp>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include "agent/http/server.h"

namespace {

namespace asio = boost::asio;
using namespace yardmaster::agent;

int chunks = 32;

constexpr std::string_view kAnswer =
    R"({"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"mock","choices":[)"
    R"({"index":0,"message":{"role":"assistant","content":")";
constexpr std::string_view kAnswerEnd =
    R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":250,"completion_tokens":64,)"
    R"("total_tokens":314}})";
constexpr std::string_view kEvent =
    R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"mock",)"
    R"("choices":[{"index":0,"delta":{"content":" word word"},"finish_reason":null}]})"
    "\n\n";
constexpr std::string_view kEnd =
    R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"mock",)"
    R"("choices":[],"usage":{"prompt_tokens":250,"completion_tokens":64,"total_tokens":314}})"
    "\n\ndata: [DONE]\n\n";

class Events final : public StreamedBody {
 public:
  asio::awaitable<void> write_to(BodyWriter& out) override {
    bool whole = true;
    for (int i = 0; i < chunks && whole; ++i) {
      whole = co_await out.write(kEvent);
      // No model makes its chunks without a pause. The client, which may share the processor, is
      // not to be kept from reading the first by the making of the last.
      std::this_thread::yield();
    }
    if (whole) co_await out.write(kEnd);
  }
};

asio::awaitable<HttpResponse> answer(HttpRequest request) {
  HttpResponse response;
  if (request.body().find("\"stream\"") != std::string::npos) {
    response.content_type = "text/event-stream";
    response.stream = std::make_unique<Events>();
    co_return response;
  }
  response.body = kAnswer;
  for (int i = 0; i < chunks; ++i) response.body += " word word";
  response.body += kAnswerEnd;
  co_return response;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint16_t port = 0;
  const std::string_view number = argc > 1 ? argv[1] : "";
  std::from_chars(number.data(), number.data() + number.size(), port);
  if (argc > 2) chunks = std::atoi(argv[2]);
  if (port == 0 || chunks < 1) {
    std::fprintf(stderr, "usage: mock_upstream PORT [CHUNKS]\n");
    return 2;
  }
  asio::io_context io(1);
  auto server = HttpServer::listen(io, "127.0.0.1", port, {}, answer);
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 1;
  }
  (*server)->start();
  io.run();
  return 0;
}
