// What the names of encoders say, without the encoders.

#include <filesystem>
#include <system_error>

#include "env/encoder.h"

namespace yardmaster::env {
namespace {

constexpr std::string_view kMiniLm = "minilm:";
constexpr std::string_view kStatic = "static:";

}  // namespace

bool is_encoder_name(std::string_view name) {
  return name == "static" || name == "hash" ||
         (name.starts_with(kMiniLm) && name.size() > kMiniLm.size()) ||
         (name.starts_with(kStatic) && name.size() > kStatic.size());
}

std::string_view encoder_path(std::string_view name) {
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? std::string_view() : name.substr(colon + 1);
}

bool is_there(std::string_view path) {
  std::error_code not_to_be_found;  // such as a name that is too long
  return std::filesystem::exists(path, not_to_be_found);
}

}  // namespace yardmaster::env
