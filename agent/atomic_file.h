#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace yardmaster::agent {

/// Writes and syncs `bytes` as `path`, all or nothing: beside it first, then renamed, so that a
/// crash leaves the file of before. Fails with io when the disk refuses.
Status write_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace yardmaster::agent
