#pragma once

#include <filesystem>
#include <string>

namespace yardmaster::test {

/// The files of a TLS server, in PEM.
struct CertificateFiles {
  std::filesystem::path certificate;
  std::filesystem::path key;
};

/// Makes a certificate authority in `directory`: what a client's ca_file names.
CertificateFiles make_certificate_authority(const std::filesystem::path& directory);

/// Makes a certificate for `host`, a DNS name or an IP address, signed by `authority`.
CertificateFiles make_certificate(const std::filesystem::path& directory, const std::string& host,
                                  const CertificateFiles& authority);

}  // namespace yardmaster::test
