#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace yardmaster::test {

/// A blocking client on loopback that sends any bytes, well formed or not. Failures throw.
class RawClient {
 public:
  using Answer = boost::beast::http::response<boost::beast::http::string_body>;

  RawClient() : socket_(io_) { socket_.open(boost::asio::ip::tcp::v4()); }
  explicit RawClient(std::uint16_t port) : RawClient() { connect(port); }

  void connect(std::uint16_t port) {
    socket_.connect({boost::asio::ip::address_v4::loopback(), port});
    socket_.set_option(boost::asio::ip::tcp::no_delay(true));
  }

  void send(std::string_view bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes)); }

  /// Sends what the other side still takes.
  void try_send(std::string_view bytes) {
    boost::system::error_code refused;
    boost::asio::write(socket_, boost::asio::buffer(bytes), refused);
  }

  /// Says that nothing more will be sent; answers can still be read.
  void end_sending() { socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send); }

  /// Reads one answer. `head`: it answers a HEAD, so it has no body.
  Answer read_answer(bool head = false) {
    boost::beast::http::response_parser<boost::beast::http::string_body> parser;
    parser.body_limit(std::numeric_limits<std::uint64_t>::max());
    parser.skip(head);
    boost::beast::http::read(socket_, buffer_, parser);
    return parser.release();
  }

  /// All bytes up to and with `end`; what follows stays for the next call.
  std::string read_until(std::string_view end) {
    std::size_t found = 0;
    while ((found = text().find(end)) == std::string_view::npos) {
      buffer_.commit(socket_.read_some(buffer_.prepare(4096)));
    }
    std::string bytes(text().substr(0, found + end.size()));
    buffer_.consume(bytes.size());
    return bytes;
  }

  /// Everything until the other side closes.
  std::string read_to_end() {
    std::string rest(text());
    buffer_.clear();
    boost::system::error_code end;
    boost::asio::read(socket_, boost::asio::dynamic_buffer(rest), end);
    return rest;
  }

  void close() { socket_.close(); }

 private:
  std::string_view text() const {
    return {static_cast<const char*>(buffer_.cdata().data()), buffer_.size()};
  }

  boost::asio::io_context io_;
  boost::asio::ip::tcp::socket socket_;
  boost::beast::flat_buffer buffer_;
};

}  // namespace yardmaster::test
