#include "tests/common/test_certificates.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>

namespace yardmaster::test {

namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using File = std::unique_ptr<BIO, Freer<BIO_free_all>>;

template <class T>
T made(T object) {
  if (!object) throw std::runtime_error("OpenSSL failed to make a test certificate");
  return object;
}

File open(const std::filesystem::path& path, const char* mode) {
  return made(File(BIO_new_file(path.c_str(), mode)));
}

void extend(X509* certificate, X509* issuer, int what, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>> extension(
      made(X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str())));
  X509_add_ext(certificate, extension.get(), -1);
}

Certificate make_unsigned(const std::string& name, EVP_PKEY* key) {
  constexpr long kDay = 24L * 60 * 60;
  Certificate certificate(made(X509_new()));
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), static_cast<long>(name.size()) + 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kDay);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

CertificateFiles sign_and_write(X509* certificate, EVP_PKEY* key, EVP_PKEY* signer,
                                const std::filesystem::path& stem) {
  if (X509_sign(certificate, signer, EVP_sha256()) == 0) {
    throw std::runtime_error("OpenSSL failed to sign a test certificate");
  }
  CertificateFiles files{stem.string() + ".pem", stem.string() + ".key"};
  PEM_write_bio_X509(open(files.certificate, "w").get(), certificate);
  PEM_write_bio_PrivateKey(open(files.key, "w").get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return files;
}

}  // namespace

CertificateFiles make_certificate_authority(const std::filesystem::path& directory) {
  const Key key(made(EVP_EC_gen("P-256")));
  const Certificate certificate = make_unsigned("Test authority", key.get());
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  extend(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  return sign_and_write(certificate.get(), key.get(), key.get(), directory / "authority");
}

CertificateFiles make_certificate(const std::filesystem::path& directory, const std::string& host,
                                  const CertificateFiles& authority) {
  const Certificate issuer(
      made(PEM_read_bio_X509(open(authority.certificate, "r").get(), nullptr, nullptr, nullptr)));
  const Key signer(
      made(PEM_read_bio_PrivateKey(open(authority.key, "r").get(), nullptr, nullptr, nullptr)));
  const Key key(made(EVP_EC_gen("P-256")));
  const Certificate certificate = make_unsigned(host, key.get());
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get()));
  const bool is_address = host.find_first_not_of("0123456789.") == std::string::npos;
  extend(certificate.get(), issuer.get(), NID_subject_alt_name,
         (is_address ? "IP:" : "DNS:") + host);
  return sign_and_write(certificate.get(), key.get(), signer.get(), directory / host);
}

}  // namespace yardmaster::test
