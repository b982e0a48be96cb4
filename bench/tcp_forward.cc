// The least that anything in a request's way can add: `tcp_forward PORT UPSTREAM_PORT` passes bytes
// between each connection and one of its own to the upstream, on one thread, and reads none of
// them.
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

struct Pair {
  tcp::socket client, upstream;
};

/// Until one side ends, which then ends the other.
asio::awaitable<void> pass(std::shared_ptr<Pair> pair, tcp::socket Pair::*from,
                           tcp::socket Pair::*to) {
  std::array<char, 65536> bytes;
  while (true) {
    const auto [failed, size] =
        co_await (pair.get()->*from).async_read_some(asio::buffer(bytes), kNoThrow);
    if (failed) break;
    const auto [broken, sent] =
        co_await asio::async_write(pair.get()->*to, asio::buffer(bytes, size), kNoThrow);
    if (broken) break;
  }
  boost::system::error_code ignored;
  pair->client.close(ignored);
  pair->upstream.close(ignored);
}

asio::awaitable<void> forward(tcp::socket client, tcp::endpoint upstream) {
  auto pair = std::make_shared<Pair>(Pair{std::move(client), tcp::socket(client.get_executor())});
  if (const auto [error] = co_await pair->upstream.async_connect(upstream, kNoThrow); error) {
    co_return;
  }
  pair->client.set_option(tcp::no_delay(true));
  pair->upstream.set_option(tcp::no_delay(true));
  asio::co_spawn(pair->client.get_executor(), pass(pair, &Pair::client, &Pair::upstream),
                 asio::detached);
  asio::co_spawn(pair->client.get_executor(), pass(pair, &Pair::upstream, &Pair::client),
                 asio::detached);
}

asio::awaitable<void> accept(tcp::acceptor acceptor, tcp::endpoint upstream) {
  while (true) {
    tcp::socket client = co_await acceptor.async_accept(asio::use_awaitable);
    asio::co_spawn(acceptor.get_executor(), forward(std::move(client), upstream), asio::detached);
  }
}

std::uint16_t read_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() ? port : std::uint16_t{0};
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint16_t port = argc == 3 ? read_port(argv[1]) : std::uint16_t{0};
  const std::uint16_t upstream = argc == 3 ? read_port(argv[2]) : std::uint16_t{0};
  if (port == 0 || upstream == 0) {
    std::fprintf(stderr, "usage: tcp_forward PORT UPSTREAM_PORT\n");
    return 2;
  }
  asio::io_context io(1);
  const auto loopback = asio::ip::address_v4::loopback();
  tcp::acceptor acceptor(io, {loopback, port});
  asio::co_spawn(io, accept(std::move(acceptor), {loopback, upstream}), asio::detached);
  io.run();
}
