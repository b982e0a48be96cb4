#include "env/encoder.h"

#include <filesystem>

#include "env/builtin_table.h"
#include "env/hash_encoder.h"
#include "env/minilm_encoder.h"
#include "env/static_encoder.h"

namespace yardmaster::env {
namespace {

constexpr std::string_view kMiniLm = "minilm:";
constexpr std::string_view kStatic = "static:";

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

bool is_encoder_name(std::string_view name) {
  return name == "static" || name == "hash" ||
         (name.starts_with(kMiniLm) && name.size() > kMiniLm.size()) ||
         (name.starts_with(kStatic) && name.size() > kStatic.size());
}

std::string_view encoder_path(std::string_view name) {
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? std::string_view() : name.substr(colon + 1);
}

bool is_there(std::string_view path) { return std::filesystem::exists(path); }

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
  if (name.starts_with(kStatic)) return make_static(std::string(name.substr(kStatic.size())));
  auto minilm =
      MiniLmEncoder::open(std::string(name.substr(kMiniLm.size())), files.cache_directory);
  if (!minilm) return fail(minilm.error());
  return std::move(*minilm);
}

}  // namespace yardmaster::env
