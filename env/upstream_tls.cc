#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <boost/asio/ip/address.hpp>

#include "env/upstream_connection.h"

namespace yardmaster::env {

namespace ssl = boost::asio::ssl;

namespace {

/// Where a TlsClient hangs on its SSL_CTX; the slot for application data is Asio's.
int client_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

bool is_address(const std::string& host) {
  boost::system::error_code error;
  boost::asio::ip::make_address(host, error);
  return !error;
}

}  // namespace

Result<std::shared_ptr<TlsClient>> TlsClient::make(const Origin& origin,
                                                   const std::string& ca_file) {
  auto client = std::make_shared<TlsClient>();
  boost::system::error_code error;
  if (ca_file.empty()) {
    client->context_.set_default_verify_paths(error);
  } else {
    client->context_.load_verify_file(ca_file, error);
  }
  if (error) {
    return fail(ErrorCode::io, "upstream '" + origin.upstream + "': the certificates of " +
                                   (ca_file.empty() ? "the system" : "ca_file '" + ca_file + "'") +
                                   " cannot be read: " + error.message() +
                                   "; name a readable PEM file");
  }
  client->context_.set_verify_mode(ssl::verify_peer);
  SSL_CTX* context = client->context_.native_handle();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_ex_data(context, client_index(), client.get());
  SSL_CTX_sess_set_new_cb(context, &TlsClient::keep_session);
  return client;
}

TlsClient::~TlsClient() {
  // Connections may hold on to the SSL_CTX for longer.
  SSL_CTX_set_ex_data(context_.native_handle(), client_index(), nullptr);
  SSL_SESSION_free(session_);
}

/// OpenSSL's callback: returning 1 keeps the reference to the session.
int TlsClient::keep_session(SSL* ssl, SSL_SESSION* session) {
  auto* client = static_cast<TlsClient*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), client_index()));
  if (client == nullptr) return 0;
  SSL_SESSION_free(client->session_);
  client->session_ = session;
  return 1;
}

bool TlsClient::prepare(SSL* ssl, const std::string& host) const {
  if (session_ != nullptr) SSL_set_session(ssl, session_);
  if (is_address(host)) {
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  }
  return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace yardmaster::env
