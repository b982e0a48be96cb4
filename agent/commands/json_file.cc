#include "agent/commands/json_file.h"

#include <fstream>

#include "base/json_text.h"

namespace yardmaster::agent {

Status write_json_file(const std::string& path, const boost::json::object& results) {
  std::ofstream file(path);
  file << to_json(results) << '\n';
  if (file.flush()) return {};
  return fail(ErrorCode::io, "cannot write " + path + "; check the path and the disk");
}

}  // namespace yardmaster::agent
