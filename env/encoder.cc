#include "env/encoder.h"

#include "env/builtin_table.h"
#include "env/hash_encoder.h"
#include "env/static_encoder.h"

namespace yardmaster::env {

Result<std::unique_ptr<Encoder>> make_encoder(std::string_view name, std::string_view asset_dir) {
  if (name == "hash") return std::make_unique<HashEncoder>();
  if (name == "static") {
    auto table = asset_dir.empty()
                     ? StaticTable::parse(builtin_static_table(), "the built-in table")
                     : StaticTable::read(std::string(asset_dir) + "/static_v1.bin");
    if (!table) return fail(table.error());
    return std::make_unique<StaticEncoder>(std::move(*table));
  }
  return fail(ErrorCode::invalid_argument, "encoder '" + std::string(name.substr(0, 64)) +
                                               "' is not known; choose static or hash");
}

}  // namespace yardmaster::env
