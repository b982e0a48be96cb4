#include "agent/http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <boost/asio/ip/address.hpp>
#include <fstream>
#include <string_view>

namespace yardmaster::agent {

namespace ssl = boost::asio::ssl;

namespace {

constexpr std::string_view kHttp11 = "http/1.1";

/// Without a common protocol the answer names none; clients then speak HTTP/1.1 as well.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  for (unsigned at = 0; at < offered_size; at += offered[at] + 1u) {
    const std::string_view name(reinterpret_cast<const char*>(offered) + at + 1, offered[at]);
    if (name != kHttp11) continue;
    *chosen = offered + at + 1;
    *chosen_size = offered[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

/// OpenSSL would ask at the terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

Status check_readable(const std::string& key, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (file && file.peek() != std::ifstream::traits_type::eof()) return {};
  return fail(ErrorCode::io, key + " '" + path +
                                 "' cannot be read, or is empty; name a PEM file that this user "
                                 "may read");
}

std::string reason_of(const boost::system::error_code& error) {
  const char* reason = ERR_reason_error_string(static_cast<unsigned long>(error.value()));
  return reason == nullptr ? error.message() : reason;
}

}  // namespace

Result<std::shared_ptr<ssl::context>> make_server_tls(const std::string& certificate,
                                                      const std::string& private_key) {
  const std::string certificate_key = "listen.tls.certificate";
  const std::string private_key_key = "listen.tls.private_key";
  for (const auto& [key, path] :
       {std::pair(certificate_key, certificate), std::pair(private_key_key, private_key)}) {
    if (Status readable = check_readable(key, path); !readable) return fail(readable.error());
  }
  auto tls = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* context = tls->native_handle();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  boost::system::error_code error;
  tls->use_certificate_chain_file(certificate, error);
  if (error) {
    return fail(ErrorCode::invalid_argument,
                certificate_key + " '" + certificate + "' holds no certificate in PEM (" +
                    reason_of(error) + "); give the server's own first, then what signed it");
  }
  tls->use_private_key_file(private_key, ssl::context::pem, error);
  if (error &&
      ERR_GET_REASON(static_cast<unsigned long>(error.value())) == X509_R_KEY_VALUES_MISMATCH) {
    return fail(ErrorCode::invalid_argument,
                private_key_key + " '" + private_key + "' is not the key of the certificate '" +
                    certificate + "'; give the two that belong together");
  }
  if (error) {
    return fail(ErrorCode::invalid_argument,
                private_key_key + " '" + private_key + "' holds no private key in PEM (" +
                    reason_of(error) + "); it must be without a passphrase");
  }
  return tls;
}

Result<std::shared_ptr<ssl::context>> make_client_tls(const std::string& ca_file) {
  auto tls = std::make_shared<ssl::context>(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_2_VERSION);
  boost::system::error_code error;
  if (ca_file.empty()) {
    tls->set_default_verify_paths(error);
  } else {
    tls->load_verify_file(ca_file, error);
  }
  if (error) {
    return fail(ErrorCode::io,
                "the certificates of " + (ca_file.empty() ? "the system" : "'" + ca_file + "'") +
                    " cannot be read: " + reason_of(error) + "; name a readable PEM file");
  }
  tls->set_verify_mode(ssl::verify_peer);
  return tls;
}

bool expect_host(SSL* ssl, const std::string& host) {
  boost::system::error_code error;
  boost::asio::ip::make_address(host, error);
  if (!error) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace yardmaster::agent
