#include "agent/snapshots.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>

#include "agent/atomic_file.h"
#include "agent/snapshot_frame.h"

namespace yardmaster::agent {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".snapshot";

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
  const std::string bytes =
      write_snapshot({.version = version, .fingerprint = fingerprint_, .state = state.view()});

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
    const Result<SnapshotFrame> parsed = read_snapshot(*bytes);
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
  const Result<SnapshotFrame> parsed = read_snapshot(*bytes);
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
    const Result<SnapshotFrame> parsed = read_snapshot(*bytes);
    return !parsed || parsed->fingerprint != fingerprint_;
  });
  return files;
}

std::uint64_t Snapshots::oldest_version() const {
  const std::vector<SnapshotInfo> files = list();
  return files.empty() ? 0 : files.back().version;
}

}  // namespace yardmaster::agent
