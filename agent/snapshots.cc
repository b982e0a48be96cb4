#include "agent/snapshots.h"

#include <algorithm>
#include <boost/crc.hpp>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>

#include "agent/atomic_file.h"

namespace yardmaster::agent {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "YARDSNAP";
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::string_view kSuffix = ".snapshot";

std::uint32_t checksum(std::string_view bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

/// Layout: magic, then little-endian u32 format, u64 version, u32 length and bytes of the
/// fingerprint, the learner's bytes, u32 CRC-32 of everything before it.
template <class Integer>
void put(std::string& out, Integer value) {
  for (std::size_t i = 0; i < sizeof value; ++i) {
    out.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i)));
  }
}

template <class Integer>
bool take(std::string_view& in, Integer& value) {
  if (in.size() < sizeof value) return false;
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    bits |= static_cast<std::uint64_t>(static_cast<unsigned char>(in[i])) << (8 * i);
  }
  value = static_cast<Integer>(bits);
  in.remove_prefix(sizeof value);
  return true;
}

struct Parsed {
  std::uint64_t version = 0;
  std::string_view fingerprint;
  std::string_view state;
};

/// Checks the frame of a snapshot; the views point into `bytes`.
Result<Parsed> parse(std::string_view bytes) {
  const std::string_view whole = bytes;
  if (!bytes.starts_with(kMagic)) return fail(ErrorCode::corrupt, "is not a snapshot");
  bytes.remove_prefix(kMagic.size());
  std::uint32_t format = 0;
  std::uint32_t fingerprint_size = 0;
  Parsed parsed;
  if (!take(bytes, format)) return fail(ErrorCode::corrupt, "is cut short");
  if (format != kFormatVersion) {
    return fail(ErrorCode::unsupported, "has format " + std::to_string(format) +
                                            ", and this program reads format " +
                                            std::to_string(kFormatVersion));
  }
  if (!take(bytes, parsed.version) || !take(bytes, fingerprint_size) ||
      bytes.size() < fingerprint_size + sizeof(std::uint32_t)) {
    return fail(ErrorCode::corrupt, "is cut short");
  }
  std::string_view tail = bytes.substr(bytes.size() - sizeof(std::uint32_t));
  std::uint32_t stored_crc = 0;
  take(tail, stored_crc);
  if (checksum(whole.substr(0, whole.size() - sizeof stored_crc)) != stored_crc) {
    return fail(ErrorCode::corrupt, "does not match its checksum");
  }
  parsed.fingerprint = bytes.substr(0, fingerprint_size);
  parsed.state =
      bytes.substr(fingerprint_size, bytes.size() - fingerprint_size - sizeof(std::uint32_t));
  return parsed;
}

Result<std::string> read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  if (!in || !(bytes << in.rdbuf())) return fail(ErrorCode::io, "cannot be read");
  return std::move(bytes).str();
}

/// The version in "ROUTER-VERSION.snapshot", nothing for other files.
std::optional<std::uint64_t> version_in_name(std::string_view name, std::string_view router) {
  if (!name.starts_with(router) || !name.ends_with(kSuffix)) return std::nullopt;
  name.remove_prefix(router.size());
  name.remove_suffix(kSuffix.size());
  if (!name.starts_with('-')) return std::nullopt;
  name.remove_prefix(1);
  std::uint64_t version = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), version);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return version;
}

}  // namespace

Snapshots::Snapshots(fs::path directory, std::string router, std::string fingerprint,
                     std::size_t keep)
    : directory_(std::move(directory)),
      router_(std::move(router)),
      fingerprint_(std::move(fingerprint)),
      keep_(std::max<std::size_t>(keep, 1)) {}

Status Snapshots::save(const policies::Learner& learner, std::uint64_t version) {
  std::ostringstream state;
  if (Status saved = learner.save(state); !saved) return saved;
  std::string bytes(kMagic);
  put(bytes, kFormatVersion);
  put(bytes, version);
  put(bytes, static_cast<std::uint32_t>(fingerprint_.size()));
  bytes += fingerprint_;
  bytes += state.view();
  put(bytes, checksum(bytes));

  std::error_code error;
  fs::create_directories(directory_, error);
  const fs::path path =
      directory_ / (router_ + "-" + std::to_string(version) + std::string(kSuffix));
  if (Status written = write_file(path, bytes); !written) {
    return fail(written.error().code, "snapshot " + written.error().message);
  }
  const std::vector<SnapshotInfo> kept = list();
  for (std::size_t i = keep_; i < kept.size(); ++i) fs::remove(kept[i].path, error);
  return {};
}

Snapshots Snapshots::of(std::string router) const {
  return {directory_, std::move(router), fingerprint_, keep_};
}

void Snapshots::remove_all() {
  std::error_code error;
  for (const SnapshotInfo& file : files_of_router()) fs::remove(file.path, error);
}

LoadedSnapshot Snapshots::load_newest(policies::Learner& learner, std::uint64_t newest_row) const {
  LoadedSnapshot loaded;
  for (const SnapshotInfo& file : files_of_router()) {
    const auto refuse = [&](const std::string& why) {
      loaded.refused.push_back("snapshot " + file.path.string() + " " + why + "; passed over");
    };
    const Result<std::string> bytes = read_file(file.path);
    if (!bytes) {
      refuse(bytes.error().message);
      continue;
    }
    const Result<Parsed> parsed = parse(*bytes);
    if (!parsed) {
      refuse(parsed.error().message);
      continue;
    }
    if (parsed->fingerprint != fingerprint_) continue;
    if (parsed->version > newest_row) {
      // Set aside for good: once the store has as many rows again, they will be other rows.
      std::error_code error;
      fs::rename(file.path, file.path.string() + ".refused", error);
      refuse("has learned " + std::to_string(parsed->version) + " rows, but the store has only " +
             std::to_string(newest_row) + "; renamed to .refused");
      continue;
    }
    std::istringstream state{std::string(parsed->state)};
    if (Status restored = learner.load(state); !restored) {
      refuse("cannot be used: " + restored.error().message);
      continue;
    }
    loaded.version = parsed->version;
    return loaded;
  }
  return loaded;
}

fs::path Snapshots::pinned_file() const { return directory_ / (router_ + ".pinned"); }

Status Snapshots::pin(std::uint64_t version) {
  std::string there;
  for (const SnapshotInfo& file : list()) {
    if (file.version == version) {
      const Result<std::string> bytes = read_file(file.path);
      if (!bytes) return fail(bytes.error().code, file.path.string() + ' ' + bytes.error().message);
      return write_file(pinned_file(), *bytes);
    }
    there += (there.empty() ? "" : ", ") + std::to_string(file.version);
  }
  return fail(ErrorCode::not_found, "router '" + router_ + "' has no snapshot of version " +
                                        std::to_string(version) +
                                        (there.empty() ? "" : "; there are " + there));
}

Result<std::optional<std::uint64_t>> Snapshots::load_pinned(policies::Learner& learner,
                                                            std::uint64_t newest_row) const {
  const fs::path path = pinned_file();
  if (!fs::exists(path)) return std::optional<std::uint64_t>();
  const Result<std::string> bytes = read_file(path);
  if (!bytes) return fail(bytes.error().code, path.string() + ' ' + bytes.error().message);
  const Result<Parsed> parsed = parse(*bytes);
  if (!parsed) return fail(parsed.error().code, path.string() + ' ' + parsed.error().message);
  if (parsed->fingerprint != fingerprint_) {
    return fail(ErrorCode::unsupported,
                path.string() + " is of another policy, encoder or setting than the config's");
  }
  if (parsed->version > newest_row) {
    return fail(ErrorCode::conflict,
                path.string() + " has learned " + std::to_string(parsed->version) +
                    " rows, but the store has only " + std::to_string(newest_row));
  }
  std::istringstream state{std::string(parsed->state)};
  if (Status restored = learner.load(state); !restored) return fail(restored.error());
  return std::optional(parsed->version);
}

void Snapshots::unpin() {
  std::error_code error;
  fs::remove(pinned_file(), error);
}

std::vector<SnapshotInfo> Snapshots::files_of_router() const {
  std::vector<SnapshotInfo> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory_, error)) {
    const std::string name = entry.path().filename().string();
    if (const auto version = version_in_name(name, router_)) {
      files.push_back({entry.path(), *version});
    }
  }
  std::sort(files.begin(), files.end(),
            [](const SnapshotInfo& a, const SnapshotInfo& b) { return a.version > b.version; });
  return files;
}

std::vector<SnapshotInfo> Snapshots::list() const {
  std::vector<SnapshotInfo> files = files_of_router();
  std::erase_if(files, [&](const SnapshotInfo& file) {
    const Result<std::string> bytes = read_file(file.path);
    if (!bytes) return true;
    const Result<Parsed> parsed = parse(*bytes);
    return !parsed || parsed->fingerprint != fingerprint_;
  });
  return files;
}

std::uint64_t Snapshots::oldest_version() const {
  const std::vector<SnapshotInfo> files = list();
  return files.empty() ? 0 : files.back().version;
}

}  // namespace yardmaster::agent
