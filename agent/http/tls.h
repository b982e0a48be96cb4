#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "base/result.h"

namespace yardmaster::agent {

/// A server's side of TLS 1.2 and 1.3: `certificate` is a PEM file with the server's certificate
/// and what leads to an authority after it, `private_key` the PEM file with its key, without a
/// passphrase. Fails with io where a file cannot be read, with invalid_argument where it holds
/// something else or the two do not belong together; the message names the key of the config.
Result<std::shared_ptr<boost::asio::ssl::context>> make_server_tls(const std::string& certificate,
                                                                   const std::string& private_key);

/// A client's side: servers must have a certificate that the authorities in the PEM file `ca_file`
/// signed; empty: the system's. Fails with io where they cannot be read.
Result<std::shared_ptr<boost::asio::ssl::context>> make_client_tls(const std::string& ca_file);

/// Prepares a client's connection: the certificate must name `host`, a name or an address.
bool expect_host(SSL* ssl, const std::string& host);

}  // namespace yardmaster::agent
