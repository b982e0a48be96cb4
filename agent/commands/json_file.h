#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "base/result.h"

namespace yardmaster::agent {

/// Writes a command's results for --json FILE. Fails with io.
Status write_json_file(const std::string& path, const boost::json::object& results);

}  // namespace yardmaster::agent
