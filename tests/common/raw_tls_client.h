#pragma once

#include <openssl/ssl.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>

namespace yardmaster::test {

/// A blocking client that speaks TLS to "localhost" on loopback and sends any bytes. Failures
/// throw.
class RawTlsClient {
 public:
  using Answer = boost::beast::http::response<boost::beast::http::string_body>;

  /// Trusts `authority`; offers versions of TLS up to `newest` only (0: all).
  RawTlsClient(std::uint16_t port, const std::filesystem::path& authority, int newest = 0)
      : context_(boost::asio::ssl::context::tls_client), stream_(io_, prepared(authority, newest)) {
    SSL_set1_host(stream_.native_handle(), "localhost");
    stream_.next_layer().connect({boost::asio::ip::address_v4::loopback(), port});
    stream_.next_layer().set_option(boost::asio::ip::tcp::no_delay(true));
    stream_.handshake(boost::asio::ssl::stream_base::client);
  }

  std::string version() { return SSL_get_version(stream_.native_handle()); }

  void send(std::string_view bytes) { boost::asio::write(stream_, boost::asio::buffer(bytes)); }

  Answer read_answer() {
    boost::beast::http::response_parser<boost::beast::http::string_body> parser;
    parser.body_limit(std::numeric_limits<std::uint64_t>::max());
    boost::beast::http::read(stream_, buffer_, parser);
    return parser.release();
  }

  /// All bytes up to and with `end`; what follows stays for the next call.
  std::string read_until(std::string_view end) {
    std::size_t found = 0;
    while ((found = text().find(end)) == std::string_view::npos) {
      buffer_.commit(stream_.read_some(buffer_.prepare(4096)));
    }
    std::string bytes(text().substr(0, found + end.size()));
    buffer_.consume(bytes.size());
    return bytes;
  }

  /// Says that nothing more will be sent, in TLS's own way, and waits for the other side's end.
  void leave() {
    boost::system::error_code ignored;
    stream_.shutdown(ignored);
  }

  /// Reads to the end; true where the other side said that it was one.
  bool ended_cleanly() {
    boost::system::error_code error;
    char bytes[4096];
    while (!error) stream_.read_some(boost::asio::buffer(bytes), error);
    return error == boost::asio::error::eof;
  }

  /// Leaves without a word of TLS.
  void close() { stream_.next_layer().close(); }

 private:
  boost::asio::ssl::context& prepared(const std::filesystem::path& authority, int newest) {
    context_.load_verify_file(authority.string());
    context_.set_verify_mode(boost::asio::ssl::verify_peer);
    SSL_CTX_set_security_level(context_.native_handle(), 0);  // else nothing old is ever offered
    if (newest != 0) SSL_CTX_set_max_proto_version(context_.native_handle(), newest);
    return context_;
  }

  std::string_view text() const {
    return {static_cast<const char*>(buffer_.cdata().data()), buffer_.size()};
  }

  boost::asio::io_context io_;
  boost::asio::ssl::context context_;
  boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream_;
  boost::beast::flat_buffer buffer_;
};

}  // namespace yardmaster::test
