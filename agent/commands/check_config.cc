#include "agent/commands/check_config.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "agent/config.h"
#include "agent/http/tls.h"

namespace yardmaster::agent {
namespace {

int check(const std::string& file) {
  const Result<Config> config = load_config(file);
  if (!config) {
    std::cerr << config.error().message << '\n';
    return 1;
  }
  if (const TlsConfig& tls = config->listen.tls; tls.any()) {
    if (const auto made = make_server_tls(tls.certificate, tls.private_key); !made) {
      std::cerr << file << ": " << made.error().message << '\n';
      return 1;
    }
  }
  std::cout << resolved_yaml(*config);
  return 0;
}

}  // namespace

void add_check_config(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "check-config", "Say what is wrong with a config, or print what it means without secrets");
  command->footer("Example: yardmaster check-config configs/demo.yaml");
  auto file = std::make_shared<std::string>();
  command->add_option("FILE", *file, "The YAML file")->required();
  command->callback([file, &exit_code] { exit_code = check(*file); });
}

}  // namespace yardmaster::agent
