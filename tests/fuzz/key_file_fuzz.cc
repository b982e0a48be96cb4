// keys.json, and keys as the admin API takes them.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/json/object.hpp>

#include "agent/api/json_fields.h"
#include "agent/keys/key_file.h"
#include "agent/keys/key_json.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;

FUZZ(key_file) {
  static const int file = ::memfd_create("keys", 0);
  require(::ftruncate(file, 0) == 0 &&
              ::pwrite(file, input.data(), input.size(), 0) == static_cast<ssize_t>(input.size()),
          "memory can be had");
  const auto keys = agent::KeyFile("/proc/self/fd/" + std::to_string(file)).read();
  if (keys) {
    for (const agent::MadeKey& made : *keys) {
      require(agent::check_key_name(made.key.name).has_value(), "a key has a good name");
      require(made.key.scopes != 0, "and a scope");
    }
  }
  const auto object = agent::parse_object(input);
  if (!object) return;
  std::size_t unknown = 0;
  const auto key = agent::key_from_json(*object, unknown);
  if (!key) return;
  const auto again = agent::key_from_json(agent::json_of(*key), unknown);
  require(again.has_value() && *again == *key, "a key in JSON and back is the same");
}
