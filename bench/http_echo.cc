// How near the HTTP server comes to the bare library: `http_echo bare PORT [BYTES]` is the smallest
// keep-alive coroutine server that Beast allows, `http_echo server PORT [BYTES]` is HttpServer with
// a handler that answers the same, a body of that many bytes. Compare with `wrk -t1 -c64
// http://127.0.0.1:PORT/`, and by processor time a request where other work disturbs the rates.
// Ours should come to at least .8 of the bare one's; it was above it when last measured, since it
// formats answers itself and writes them without a turn of the io_context.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/http/server.h"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
std::string body = R"({"status":"ok"})";

asio::awaitable<void> bare_session(tcp::socket socket) {
  beast::flat_buffer buffer;
  while (true) {
    http::request<http::string_body> request;
    if (auto [error, size] = co_await http::async_read(socket, buffer, request, kNoThrow); error) {
      co_return;
    }
    http::response<http::string_body> response(http::status::ok, request.version());
    response.set(http::field::content_type, "application/json");
    response.keep_alive(request.keep_alive());
    response.body() = body;
    response.prepare_payload();
    if (auto [error, size] = co_await http::async_write(socket, response, kNoThrow); error) {
      co_return;
    }
  }
}

asio::awaitable<void> bare_accept(tcp::acceptor acceptor) {
  while (true) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    socket.set_option(tcp::no_delay(true));
    asio::co_spawn(acceptor.get_executor(), bare_session(std::move(socket)), asio::detached);
  }
}

asio::awaitable<yardmaster::agent::HttpResponse> answer(yardmaster::agent::HttpRequest) {
  yardmaster::agent::HttpResponse response;
  response.body = body;
  co_return response;
}

int serve_bare(std::uint16_t port) {
  asio::io_context io(1);
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), port});
  asio::co_spawn(io, bare_accept(std::move(acceptor)), asio::detached);
  io.run();
  return 0;
}

int serve(std::uint16_t port) {
  asio::io_context io(1);
  auto server = yardmaster::agent::HttpServer::listen(io, "127.0.0.1", port, {}, answer);
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 1;
  }
  (*server)->start();
  io.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint16_t port = 0;
  const std::string_view kind = argc >= 3 ? argv[1] : "";
  const std::string_view number = argc >= 3 ? argv[2] : "";
  if (argc > 3) body.assign(static_cast<std::size_t>(std::atoi(argv[3])), 'x');
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), port);
  if (error == std::errc() && end == number.data() + number.size()) {
    if (kind == "bare") return serve_bare(port);
    if (kind == "server") return serve(port);
  }
  std::fprintf(stderr, "usage: http_echo bare|server PORT [BYTES]\n");
  return 2;
}
