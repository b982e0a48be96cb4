#include "agent/keys/key_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "agent/api/json_fields.h"
#include "agent/atomic_file.h"
#include "agent/keys/key_json.h"
#include "base/json_text.h"

namespace yardmaster::agent {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

constexpr std::uint64_t kFormat = 1;

/// Held while the file is read, changed and written.
class FileLock {
 public:
  explicit FileLock(const fs::path& path)
      : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    while (file_ >= 0 && ::flock(file_, LOCK_EX) != 0) {
      if (errno == EINTR) continue;
      ::close(file_);
      file_ = -1;
    }
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() {
    if (file_ >= 0) ::close(file_);
  }

  bool held() const { return file_ >= 0; }

 private:
  int file_;
};

Status hold(const fs::path& path, std::optional<FileLock>& lock) {
  std::error_code error;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
  lock.emplace(path.string() + ".lock");
  if (lock->held()) return {};
  return fail(ErrorCode::io, path.string() + ".lock cannot be opened: " + std::strerror(errno) +
                                 "; run this as the user that the daemon runs as");
}

Result<Timestamp> take_time(JsonFields& fields, std::string_view name) {
  return parse_rfc3339(fields.text(name));
}

Result<MadeKey> read_entry(const json::value& value) {
  if (!value.is_object()) return fail(ErrorCode::corrupt, "a key is no object");
  json::object rest = value.get_object();
  JsonFields fields(value.get_object());
  const auto hash = parse_sha256(fields.text("sha256"));
  const auto created = take_time(fields, "created");
  const bool has_revoked = rest.contains("revoked");
  const auto revoked = has_revoked ? take_time(fields, "revoked") : Result<Timestamp>(Timestamp());
  for (const char* own : {"sha256", "created", "revoked"}) rest.erase(own);
  std::size_t unknown = 0;
  auto key = key_from_json(rest, unknown);
  if (!key) return fail(ErrorCode::corrupt, key.error().message);
  if (!hash) return fail(ErrorCode::corrupt, hash.error().message);
  if (!created || !revoked) return fail(ErrorCode::corrupt, "a key's time is none");
  // Passing over a limit that is not understood would let a key do more than it may.
  if (unknown > 0) return fail(ErrorCode::corrupt, "key '" + key->name + "' has unknown fields");
  MadeKey made{std::move(*key), *created, std::nullopt};
  made.key.sha256 = *hash;
  if (has_revoked) made.revoked = *revoked;
  return made;
}

Result<std::vector<MadeKey>> read_text(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return fail(ErrorCode::corrupt, object.error().message);
  const json::value* format = object->if_contains("format");
  if (format == nullptr || !format->is_int64() || format->get_int64() < 1) {
    return fail(ErrorCode::corrupt, "it has no format number");
  }
  if (format->get_int64() > static_cast<std::int64_t>(kFormat)) {
    return fail(ErrorCode::unsupported, "it is of a newer version; run that one");
  }
  const json::value* entries = object->if_contains("keys");
  if (entries == nullptr || !entries->is_array()) {
    return fail(ErrorCode::corrupt, "it has no list of keys");
  }
  std::vector<MadeKey> keys;
  for (const json::value& entry : entries->get_array()) {
    auto key = read_entry(entry);
    if (!key) return fail(key.error());
    keys.push_back(std::move(*key));
  }
  return keys;
}

}  // namespace

std::optional<KeyFile::Stamp> KeyFile::stamp() const {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) return std::nullopt;
  return Stamp{status.st_ino, static_cast<std::uint64_t>(status.st_size),
               status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec};
}

Result<std::vector<MadeKey>> KeyFile::read() const {
  std::error_code error;
  if (!fs::exists(path_, error) && !error) return std::vector<MadeKey>();
  std::ifstream file(path_, std::ios::binary);
  std::ostringstream text;
  const bool empty = file && file.peek() == std::ifstream::traits_type::eof();
  if (!file || (!empty && !(text << file.rdbuf()))) {
    return fail(ErrorCode::io, path_.string() + " cannot be read; check that this user may");
  }
  auto keys = read_text(text.view());
  if (keys) return keys;
  return fail(keys.error().code, path_.string() + ": " + keys.error().message +
                                     "; restore it from a backup, or move it away and make the "
                                     "keys anew");
}

Status KeyFile::write(const std::vector<MadeKey>& keys) const {
  json::array entries;
  for (const MadeKey& made : keys) {
    json::object entry = json_of(made.key);
    entry["sha256"] = to_hex(made.key.sha256);
    entry["created"] = format_rfc3339(made.created);
    if (made.revoked) entry["revoked"] = format_rfc3339(*made.revoked);
    entries.push_back(std::move(entry));
  }
  return write_file(
      path_, to_json(json::object{{"format", kFormat}, {"keys", std::move(entries)}}) + "\n");
}

Result<std::string> KeyFile::add(ApiKey key, Timestamp now) const {
  std::optional<FileLock> lock;
  if (auto held = hold(path_, lock); !held) return fail(held.error());
  auto keys = read();
  if (!keys) return fail(keys.error());
  for (const MadeKey& made : *keys) {
    if (made.key.name != key.name || made.revoked) continue;
    return fail(ErrorCode::conflict,
                "there is a key '" + key.name + "' already; revoke it first, or take another name");
  }
  auto secret = make_secret();
  if (!secret) return secret;
  key.sha256 = sha256(*secret);
  keys->push_back({std::move(key), now, std::nullopt});
  if (Status written = write(*keys); !written) return fail(written.error());
  return secret;
}

Status KeyFile::revoke(std::string_view name, Timestamp now) const {
  std::optional<FileLock> lock;
  if (auto held = hold(path_, lock); !held) return fail(held.error());
  auto keys = read();
  if (!keys) return fail(keys.error());
  for (MadeKey& made : *keys) {
    if (made.key.name != name || made.revoked) continue;
    made.revoked = now;
    return write(*keys);
  }
  return fail(ErrorCode::not_found, "there is no key '" + std::string(name) +
                                        "' to revoke; 'yardmaster keys list' and GET "
                                        "/v1/admin/keys list them");
}

}  // namespace yardmaster::agent
