#pragma once

#include <string_view>

namespace yardmaster::agent {

/// docs/openapi.json, put into the binary by the build.
extern const std::string_view kOpenApi;

}  // namespace yardmaster::agent
