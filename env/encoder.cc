#include "env/encoder.h"

#include "env/builtin_table.h"
#include "env/hash_encoder.h"
#include "env/minilm_encoder.h"
#include "env/static_encoder.h"

namespace yardmaster::env {
namespace {

Result<std::unique_ptr<Encoder>> make_static(const std::string& path) {
  auto table = path.empty() ? StaticTable::parse(builtin_static_table(), "the built-in table")
                            : StaticTable::read(path);
  if (!table) return fail(table.error());
  return std::make_unique<StaticEncoder>(std::move(*table));
}

}  // namespace

void Encoder::encode_all(std::span<const Query* const> queries, std::span<float> out) const {
  for (std::size_t i = 0; i < queries.size(); ++i) {
    encode(*queries[i], out.subspan(i * dimension(), dimension()));
  }
}

Result<std::unique_ptr<Encoder>> make_encoder(std::string_view name, const EncoderFiles& files) {
  if (!is_encoder_name(name)) {
    return fail(ErrorCode::invalid_argument,
                "encoder '" + std::string(name.substr(0, 64)) +
                    "' is not known; choose static, static:FILE, hash or "
                    "minilm:FOLDER");
  }
  if (name == "hash") return std::make_unique<HashEncoder>();
  if (name == "static") {
    return make_static(files.asset_directory.empty() ? ""
                                                     : files.asset_directory + "/static_v1.bin");
  }
  const std::string path(encoder_path(name));
  if (name.starts_with("static:")) return make_static(path);
  auto minilm = MiniLmEncoder::open(path, files.cache_directory);
  if (!minilm) return fail(minilm.error());
  return std::move(*minilm);
}

}  // namespace yardmaster::env
