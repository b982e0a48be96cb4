#pragma once

#include <string_view>

namespace yardmaster::agent {

/// configs/demo.yaml, put into the program by the build.
extern const std::string_view kDemoConfig;

}  // namespace yardmaster::agent
