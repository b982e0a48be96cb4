#pragma once

#include <cstdlib>
#include <string>

namespace yardmaster::env {

inline const std::string kAssetDir = std::string(YARDMASTER_SOURCE_DIR) + "/env/assets";

/// The folder of the outcome data sets, which lies beside the repository where there is one.
inline std::string shared_data_dir() {
  const char* chosen = std::getenv("YARDMASTER_SHARED_DATA");
  return chosen != nullptr ? chosen : std::string(YARDMASTER_SOURCE_DIR) + "/../shared/data";
}

}  // namespace yardmaster::env
