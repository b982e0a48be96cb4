#include "env/vector_cache.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <boost/crc.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace yardmaster::env {
namespace {

std::uint32_t crc32(std::string_view bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

/// A file that no other process appends to meanwhile.
class LockedFile {
 public:
  explicit LockedFile(const std::string& path)
      : descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
    locked_ = descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX) == 0;
  }
  ~LockedFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  LockedFile(const LockedFile&) = delete;
  LockedFile& operator=(const LockedFile&) = delete;

  /// Cuts off what a process that was killed left of a record, then appends.
  bool append(std::string_view bytes, std::size_t record_bytes) {
    if (!locked_) return false;
    const ::off_t size = ::lseek(descriptor_, 0, SEEK_END);
    const auto record = static_cast<::off_t>(record_bytes);
    if (size < 0 || ::ftruncate(descriptor_, size - size % record) != 0) return false;
    while (!bytes.empty()) {
      const ::ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }

 private:
  int descriptor_;
  bool locked_ = false;
};

}  // namespace

Result<VectorCache> VectorCache::open(const std::string& path, std::size_t dimension) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (error) {
    return fail(ErrorCode::io, "cannot make the folder of the cache " + path + ": " +
                                   error.message() + "; name another");
  }
  VectorCache cache(path, dimension);
  cache.load();
  return cache;
}

VectorCache::Key VectorCache::key_of(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  Key key{};
  std::memcpy(key.data(), digest.data(), sizeof key);
  return key;
}

std::size_t VectorCache::record_bytes() const {
  return sizeof(Key) + dimension_ * sizeof(float) + sizeof(std::uint32_t);
}

void VectorCache::load() {
  std::ifstream file(path_, std::ios::binary);
  std::string bytes(record_bytes(), '\0');
  std::vector<float> vector(dimension_);
  while (file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    const std::size_t size = bytes.size() - sizeof(std::uint32_t);
    std::uint32_t checksum = 0;
    std::memcpy(&checksum, bytes.data() + size, sizeof checksum);
    if (crc32(std::string_view(bytes).substr(0, size)) != checksum) continue;
    Key key{};
    std::memcpy(key.data(), bytes.data(), sizeof key);
    std::memcpy(vector.data(), bytes.data() + sizeof key, dimension_ * sizeof(float));
    keep(key, vector);
  }
}

void VectorCache::keep(const Key& key, std::span<const float> vector) {
  if (!places_.emplace(key, values_.size()).second) return;
  values_.insert(values_.end(), vector.begin(), vector.end());
}

bool VectorCache::find(std::string_view text, std::span<float> out) const {
  const auto place = places_.find(key_of(text));
  if (place == places_.end()) return false;
  std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(place->second), dimension_,
              out.begin());
  return true;
}

std::string VectorCache::record(const Key& key, std::span<const float> vector) const {
  std::string bytes(reinterpret_cast<const char*>(key.data()), sizeof key);
  bytes.append(reinterpret_cast<const char*>(vector.data()), vector.size_bytes());
  const std::uint32_t checksum = crc32(bytes);
  bytes.append(reinterpret_cast<const char*>(&checksum), sizeof checksum);
  return bytes;
}

Status VectorCache::add(std::span<const std::string_view> texts, std::span<const float> vectors) {
  std::string bytes;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const Key key = key_of(texts[i]);
    const auto vector = vectors.subspan(i * dimension_, dimension_);
    keep(key, vector);
    bytes += record(key, vector);
  }
  if (LockedFile(path_).append(bytes, record_bytes())) return {};
  return fail(ErrorCode::io, "cannot append to the cache " + path_);
}

}  // namespace yardmaster::env
