#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace yardmaster::env {

/// A proxy for HTTP, through which an upstream is reached.
struct Proxy {
  std::string host;  ///< a DNS name or an IP address, without brackets
  std::string port;
  std::string authorization;  ///< of Proxy-Authorization: "Basic ..."; empty: none. A secret

  std::string name() const { return host + ":" + port; }  ///< for messages
};

/// Reads "http://user:password@host:port", "http://" and all but the host may be left out. Fails
/// with invalid_argument on anything else; the message never tells the password.
Result<Proxy> parse_proxy(std::string_view url);

/// Finds a variable of the environment; nothing if there is none.
using VariableLookup = std::function<std::optional<std::string>(const std::string& name)>;

/// The URL of the proxy that the environment has for `base_url`: HTTPS_PROXY for https, HTTP_PROXY
/// for http, in lower case or in upper, where the lower comes first. Empty: none, also for loopback
/// and for the hosts of NO_PROXY: with commas between them, a host or domain (its subdomains too,
/// with or without a leading dot), an address, a network such as 10.0.0.0/8, each with or without a
/// port, or `*` for all.
std::string proxy_of(std::string_view base_url, const VariableLookup& environment);

}  // namespace yardmaster::env
