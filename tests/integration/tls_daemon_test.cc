// A daemon that speaks TLS itself, and the commands that know of it.

#include <gmock/gmock.h>

#include <CLI/CLI.hpp>
#include <fstream>

#include "agent/commands/check_config.h"
#include "agent/commands/drive.h"
#include "agent/http/tls.h"
#include "tests/common/test_certificates.h"
#include "tests/integration/daemon_fixture.h"

namespace yardmaster::test {
namespace {

using testing::HasSubstr;

class TlsDaemon : public DaemonFixture {
 protected:
  void use_tls(const std::string& certificate, const std::string& key) {
    more_listen_ =
        ", io_threads: 2, tls: {certificate: " + certificate + ", private_key: " + key + "}";
  }

  /// The exit status of the command, what it wrote to standard error in `errors`.
  int run(const std::string& arguments, std::string* errors = nullptr) {
    CLI::App app;
    int exit_code = 0;
    agent::add_check_config(app, exit_code);
    agent::add_drive(app, exit_code);
    testing::internal::CaptureStderr();
    testing::internal::CaptureStdout();
    try {
      app.parse(arguments);
    } catch (const CLI::ParseError&) {
      exit_code = 2;
    }
    testing::internal::GetCapturedStdout();
    const std::string captured = testing::internal::GetCapturedStderr();
    if (errors != nullptr) *errors = captured;
    return exit_code;
  }

  CertificateFiles authority_ = make_certificate_authority(dir_.path());
  CertificateFiles files_ = make_certificate(dir_.path(), "localhost", authority_);
};

TEST_F(TlsDaemon, AnswersAndIsDrivenOverHttps) {
  use_tls(files_.certificate, files_.key);
  start();
  const auto tls = agent::make_client_tls(authority_.certificate);
  ASSERT_TRUE(tls) << tls.error().message;
  agent::HttpEndpoint endpoint{"localhost", std::to_string(daemon_->port()), "", true};
  client_ = std::make_unique<agent::HttpClient>(io_.get_executor(), endpoint, "",
                                                std::chrono::seconds(20), *tls);
  route();
  EXPECT_EQ(get("/healthz").status, 200u);
  const std::string url =
      "drive --url https://localhost:" + endpoint.port + " --queries 30 --concurrency 3";
  EXPECT_EQ(run(url + " --ca-file " + authority_.certificate.string()), 0);
  EXPECT_EQ(run(url + " --chat --ca-file " + authority_.certificate.string()), 0);
  std::string errors;
  EXPECT_EQ(run(url, &errors), 1);
  EXPECT_THAT(errors, HasSubstr("not trusted"));
}

TEST_F(TlsDaemon, BadFilesAreToldByCheckConfigAndAtTheStart) {
  const std::string file = (dir_.path() / "c.yaml").string();
  use_tls(files_.certificate, files_.key);
  std::ofstream(file) << config_text();
  EXPECT_EQ(run("check-config " + file), 0);
  use_tls(files_.certificate, authority_.key);
  std::ofstream(file) << config_text();
  std::string errors;
  EXPECT_EQ(run("check-config " + file, &errors), 1);
  EXPECT_THAT(errors, HasSubstr("is not the key of the certificate"));
  const auto config = agent::load_config(file);
  ASSERT_TRUE(config) << config.error().message;
  const auto daemon = agent::Daemon::start(*config);
  ASSERT_FALSE(daemon);
  EXPECT_THAT(daemon.error().message, HasSubstr("is not the key of the certificate"));
}

}  // namespace
}  // namespace yardmaster::test
