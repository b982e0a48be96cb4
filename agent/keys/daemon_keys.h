#pragma once

#include <filesystem>
#include <utility>
#include <vector>

#include "agent/keys/key_charges.h"
#include "agent/keys/keyring.h"

namespace yardmaster::agent {

/// The keys of a daemon and what was charged to them, for as long as it runs: a reload of the
/// config changes which keys there are, not what they have used.
struct DaemonKeys {
  DaemonKeys(std::vector<ApiKey> configured, std::filesystem::path file)
      : ring(std::move(configured), std::move(file)) {}

  Keyring ring;
  KeyCharges charges;
};

}  // namespace yardmaster::agent
