// Upstreams that are reached through a proxy, and which proxy the environment means.

#include "env/proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include "tests/common/temp_dir.h"
#include "tests/common/test_certificates.h"
#include "tests/unit/env/upstream_client.h"

namespace yardmaster::env {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using test::ScriptedServer;
using testing::HasSubstr;
using testing::Not;
using Peer = ScriptedServer::Peer;

/// A proxy that makes a tunnel for one connection, to a port of its own choice on loopback.
class TunnelProxy {
 public:
  explicit TunnelProxy(std::uint16_t target) : acceptor_(io_, {tcp::v4(), 0}) {
    thread_ = std::thread([this, target] { serve(target); });
  }
  ~TunnelProxy() { thread_.join(); }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  const std::string& request() const { return request_; }  ///< valid once a call was answered

 private:
  void serve(std::uint16_t target) {
    tcp::socket client = acceptor_.accept();
    asio::read_until(client, asio::dynamic_buffer(request_), "\r\n\r\n");
    tcp::socket server(io_);
    server.connect({asio::ip::address_v4::loopback(), target});
    asio::write(client, asio::buffer(std::string("HTTP/1.1 200 Connection established\r\n\r\n")));
    std::thread back([&] { copy(server, client); });
    copy(client, server);
    back.join();
  }

  static void copy(tcp::socket& from, tcp::socket& to) {
    std::vector<char> bytes(4096);
    boost::system::error_code error;
    while (!error) {
      const std::size_t size = from.read_some(asio::buffer(bytes), error);
      boost::system::error_code unsent;
      asio::write(to, asio::buffer(bytes.data(), size), unsent);
    }
    to.shutdown(tcp::socket::shutdown_both, error);
  }

  asio::io_context io_;
  tcp::acceptor acceptor_;
  std::string request_;
  std::thread thread_;
};

std::string proxy_in(const std::map<std::string, std::string>& environment,
                     std::string_view base_url) {
  return proxy_of(base_url, [&](const std::string& name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional(found->second);
  });
}

TEST(Proxy, EachSchemeHasItsOwnAndLowerCaseComesFirst) {
  const std::map<std::string, std::string> both{{"HTTP_PROXY", "a:1"}, {"HTTPS_PROXY", "b:2"}};
  EXPECT_EQ(proxy_in(both, "http://models.example/v1"), "a:1");
  EXPECT_EQ(proxy_in(both, "https://models.example/v1"), "b:2");
  EXPECT_EQ(proxy_in({{"HTTPS_PROXY", "b:2"}, {"https_proxy", "c:3"}}, "https://x.example"), "c:3");
  EXPECT_EQ(proxy_in({{"HTTPS_PROXY", "b:2"}}, "http://models.example/v1"), "");
  EXPECT_EQ(proxy_in({}, "https://models.example/v1"), "");
}

TEST(Proxy, LoopbackNeedsNone) {
  for (const char* host : {"localhost", "127.0.0.1", "127.1.2.3", "[::1]", "a.localhost"}) {
    EXPECT_EQ(proxy_in({{"HTTP_PROXY", "a:1"}}, std::string("http://") + host + ":8000/v1"), "")
        << host;
  }
}

TEST(Proxy, NoProxyExemptsHostsDomainsAddressesAndNetworks) {
  const auto exempt = [](const std::string& list, const std::string& base_url) {
    return proxy_in({{"HTTP_PROXY", "a:1"}, {"HTTPS_PROXY", "a:1"}, {"NO_PROXY", list}}, base_url)
        .empty();
  };
  const std::string url = "https://api.models.example/v1";
  for (const char* list :
       {"*", "api.models.example", "models.example", ".models.example", "*.models.example",
        "MODELS.example", "other, models.example", "models.example:443", "EXAMPLE"}) {
    EXPECT_TRUE(exempt(list, url)) << list;
  }
  for (const char* list :
       {"", ",", ".", "odels.example", "models.example:8443", "api.models", "10"}) {
    EXPECT_FALSE(exempt(list, url)) << list;
  }
  EXPECT_FALSE(exempt(".models.example", "https://models.example/v1"));
  EXPECT_TRUE(exempt("10.0.0.0/8", "http://10.1.2.3:8000/v1"));
  EXPECT_FALSE(exempt("10.0.0.0/8", "http://11.1.2.3:8000/v1"));
  EXPECT_TRUE(exempt("10.1.2.3:8000", "http://10.1.2.3:8000/v1"));
  EXPECT_FALSE(exempt("1.2.3", "http://10.1.2.3:8000/v1"));
  EXPECT_TRUE(exempt("fd00::/8", "http://[fd00::1]:8000/v1"));
  EXPECT_TRUE(exempt("[fd00::1]:8000", "http://[fd00::1]:8000/v1"));
  EXPECT_TRUE(exempt("fd00::1", "http://[fd00::1]:8000/v1"));
  EXPECT_FALSE(exempt("fd00::2", "http://[fd00::1]:8000/v1"));
}

TEST(Proxy, IsAUrlOfHttpAndNothingElse) {
  const auto whole = parse_proxy("http://user:p%40ss@[::1]:3128/");
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->name(), "::1:3128");
  EXPECT_EQ(whole->authorization, "Basic dXNlcjpwQHNz");
  EXPECT_EQ(parse_proxy("proxy.example:3128")->name(), "proxy.example:3128");
  EXPECT_EQ(parse_proxy("proxy.example")->port, "80");
  for (const char* url : {"socks5://user:secret@x:1", "https://user:secret@x", "http://", "a b"}) {
    const auto refused = parse_proxy(url);
    ASSERT_FALSE(refused) << url;
    EXPECT_THAT(refused.error().message, Not(HasSubstr("secret")));
  }
}

UpstreamSpec through(std::uint16_t proxy_port, const std::string& base_url) {
  UpstreamSpec spec;
  spec.name = "hosted";
  spec.base_url = base_url;
  spec.api_key = kKey;
  spec.proxy = "http://user:p%40ss@127.0.0.1:" + std::to_string(proxy_port);
  return spec;
}

TEST(Proxy, APlainCallIsPutToItInAbsoluteForm) {
  std::optional<ScriptedServer::Request> seen;
  ScriptedServer proxy([&](Peer& peer) {
    while (auto request = peer.read()) {
      seen = std::move(request);
      peer.answer("{}");
    }
  });
  Client client(through(proxy.port(), "http://models.example:8000/v1"));
  EXPECT_EQ(body_of(client.chat()), "{}");
  EXPECT_EQ(body_of(client.chat()), "{}");
  EXPECT_EQ(proxy.connections(), 1);
  EXPECT_EQ(seen->target(), "http://models.example:8000/v1/chat/completions");
  EXPECT_EQ((*seen)[http::field::host], "models.example:8000");
  EXPECT_EQ((*seen)[http::field::proxy_authorization], "Basic dXNlcjpwQHNz");
}

TEST(Proxy, TlsGoesThroughATunnelAndIsCheckedEndToEnd) {
  const test::TempDir directory;
  const auto authority = test::make_certificate_authority(directory.path());
  std::string authorization = "none";
  ScriptedServer server(
      [&](Peer& peer) {
        for (auto request = peer.read(); request; request = peer.read()) {
          authorization = (*request)[http::field::proxy_authorization];
          peer.answer(peer.asked_host());
        }
      },
      test::make_certificate(directory.path(), "models.example", authority));
  TunnelProxy proxy(server.port());
  {
    UpstreamSpec spec = through(proxy.port(), "https://models.example/v1");
    spec.ca_file = authority.certificate;
    Client client(spec);
    EXPECT_EQ(body_of(client.chat()), "models.example");
    EXPECT_EQ(body_of(client.chat()), "models.example");
  }
  EXPECT_THAT(proxy.request(), HasSubstr("CONNECT models.example:443 HTTP/1.1\r\n"
                                         "Host: models.example:443\r\n"
                                         "Proxy-Authorization: Basic dXNlcjpwQHNz\r\n"));
  EXPECT_THAT(proxy.request(), Not(HasSubstr(kKey)));
  EXPECT_EQ(authorization, "");
}

TEST(Proxy, OneThatMakesNoTunnelIsNamedWithoutItsPassword) {
  for (const char* answer : {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "gibberish"}) {
    ScriptedServer proxy([&](Peer& peer) {
      peer.read();
      peer.send(answer);
    });
    Client client(through(proxy.port(), "https://models.example/v1"));
    const Error error = failure(client.chat());
    EXPECT_EQ(error.code, ErrorCode::unavailable);
    EXPECT_THAT(error.message, HasSubstr("through the proxy 127.0.0.1:"));
    EXPECT_THAT(error.message, HasSubstr("the proxy made no tunnel: "));
    EXPECT_THAT(error.message, Not(HasSubstr("p@ss")));
    EXPECT_THAT(error.message, Not(HasSubstr("p%40ss")));
  }
}

}  // namespace
}  // namespace yardmaster::env
