#include "env/proxy.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/beast/core/detail/base64.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace yardmaster::env {
namespace {

namespace ip = boost::asio::ip;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string base64(const std::string& text) {
  namespace codec = boost::beast::detail::base64;
  std::string out(codec::encoded_size(text.size()), '\0');
  out.resize(codec::encode(out.data(), text.data(), text.size()));
  return out;
}

std::optional<ip::address> address_of(const std::string& text) {
  boost::system::error_code error;
  const auto address = ip::make_address(text, error);
  if (error) return std::nullopt;
  return address;
}

bool in_network(const ip::address& address, const std::string& network) {
  boost::system::error_code error;
  if (address.is_v4()) {
    const auto v4 = ip::make_network_v4(network, error);
    return !error &&
           v4.canonical() == ip::network_v4(address.to_v4(), v4.prefix_length()).canonical();
  }
  const auto v6 = ip::make_network_v6(network, error);
  return !error &&
         v6.canonical() == ip::network_v6(address.to_v6(), v6.prefix_length()).canonical();
}

/// Whether one entry of NO_PROXY, in lower case, means that host and port.
bool means(std::string entry, const std::string& host, const std::string& port) {
  if (entry == "*") return true;
  const auto address = address_of(host);
  if (address && entry.find('/') != std::string::npos) return in_network(*address, entry);
  // An IPv6 address has colons of its own, unless it stands in brackets.
  const std::size_t colon = entry.rfind(':');
  const bool bracketed = entry.starts_with('[');
  if (colon != std::string::npos && (bracketed || entry.find(':') == colon) &&
      entry.find(']', colon) == std::string::npos) {
    if (entry.substr(colon + 1) != port) return false;
    entry.resize(colon);
  }
  if (bracketed && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
  if (address) {
    const auto same = address_of(entry);
    return same && *same == *address;
  }
  if (entry.starts_with("*.")) entry.erase(0, 1);
  if (!entry.starts_with('.')) {
    if (entry == host) return true;
    entry.insert(0, ".");
  }
  return entry.size() > 1 && host.ends_with(entry);
}

bool is_exempt(const std::string& list, const std::string& host, const std::string& port) {
  std::size_t at = 0;
  while (at < list.size()) {
    const std::size_t end = std::min(list.find_first_of(", \t", at), list.size());
    if (end > at && means(lower(list.substr(at, end - at)), host, port)) return true;
    at = end + 1;
  }
  return false;
}

bool is_loopback(const std::string& host) {
  const auto address = address_of(host);
  return address ? address->is_loopback() : host == "localhost" || host.ends_with(".localhost");
}

}  // namespace

Result<Proxy> parse_proxy(std::string_view text) {
  const std::string whole = text.find("://") == std::string_view::npos
                                ? "http://" + std::string(text)
                                : std::string(text);
  const auto url = boost::urls::parse_uri(whole);
  if (!url || lower(std::string_view(url->scheme().data(), url->scheme().size())) != "http" ||
      url->host_address().empty()) {
    return fail(ErrorCode::invalid_argument,
                "the proxy of the environment (HTTPS_PROXY, HTTP_PROXY) is no URL like "
                "http://proxy.example:3128; only proxies that are themselves spoken to by http can "
                "be used");
  }
  Proxy proxy;
  proxy.host = url->host_address();
  proxy.port = url->has_port() && !url->port().empty() ? std::string(url->port()) : "80";
  if (url->has_userinfo()) {
    proxy.authorization = "Basic " + base64(url->user() + ":" + url->password());
  }
  return proxy;
}

std::string proxy_of(std::string_view base_url, const VariableLookup& environment) {
  const auto url = boost::urls::parse_uri(base_url);
  if (!url || url->host_address().empty()) return {};
  const bool tls = url->scheme_id() == boost::urls::scheme::https;
  const std::string host = lower(url->host_address());
  const std::string port = url->has_port() ? std::string(url->port()) : tls ? "443" : "80";
  if (is_loopback(host)) return {};
  const auto either = [&](const std::string& in_lower, const std::string& in_upper) {
    auto found = environment(in_lower);
    if (!found || found->empty()) found = environment(in_upper);
    return found.value_or("");
  };
  if (is_exempt(either("no_proxy", "NO_PROXY"), host, port)) return {};
  return tls ? either("https_proxy", "HTTPS_PROXY") : either("http_proxy", "HTTP_PROXY");
}

}  // namespace yardmaster::env
