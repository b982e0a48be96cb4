#include "agent/snapshot_frame.h"

#include <boost/crc.hpp>

namespace yardmaster::agent {
namespace {

constexpr std::string_view kMagic = "YARDSNAP";
constexpr std::uint32_t kFormatVersion = 1;

std::uint32_t checksum(std::string_view bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

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

}  // namespace

std::string write_snapshot(const SnapshotFrame& frame) {
  std::string bytes(kMagic);
  put(bytes, kFormatVersion);
  put(bytes, frame.version);
  put(bytes, static_cast<std::uint32_t>(frame.fingerprint.size()));
  bytes += frame.fingerprint;
  bytes += frame.state;
  put(bytes, checksum(bytes));
  return bytes;
}

Result<SnapshotFrame> read_snapshot(std::string_view bytes) {
  const std::string_view whole = bytes;
  if (!bytes.starts_with(kMagic)) return fail(ErrorCode::corrupt, "is not a snapshot");
  bytes.remove_prefix(kMagic.size());
  std::uint32_t format = 0;
  std::uint32_t fingerprint_size = 0;
  SnapshotFrame frame;
  if (!take(bytes, format)) return fail(ErrorCode::corrupt, "is cut short");
  if (format != kFormatVersion) {
    return fail(ErrorCode::unsupported, "has format " + std::to_string(format) +
                                            ", and this program reads format " +
                                            std::to_string(kFormatVersion));
  }
  if (!take(bytes, frame.version) || !take(bytes, fingerprint_size) ||
      bytes.size() < fingerprint_size + sizeof(std::uint32_t)) {
    return fail(ErrorCode::corrupt, "is cut short");
  }
  std::string_view tail = bytes.substr(bytes.size() - sizeof(std::uint32_t));
  std::uint32_t stored_crc = 0;
  take(tail, stored_crc);
  if (checksum(whole.substr(0, whole.size() - sizeof stored_crc)) != stored_crc) {
    return fail(ErrorCode::corrupt, "does not match its checksum");
  }
  frame.fingerprint = bytes.substr(0, fingerprint_size);
  frame.state =
      bytes.substr(fingerprint_size, bytes.size() - fingerprint_size - sizeof(std::uint32_t));
  return frame;
}

}  // namespace yardmaster::agent
