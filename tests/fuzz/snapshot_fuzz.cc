// The frame of a policy's snapshot: as it comes, and with the checksum put right.

#include <boost/crc.hpp>

#include "agent/snapshot_frame.h"
#include "tests/fuzz/fuzz.h"

using namespace yardmaster;
using fuzz::require;

namespace {

void check(std::string_view bytes) {
  const auto frame = agent::read_snapshot(bytes);
  if (!frame) return;
  require(agent::write_snapshot(*frame) == bytes, "a frame written again is the same bytes");
}

}  // namespace

FUZZ(snapshot) {
  check(input);
  boost::crc_32_type crc;
  crc.process_bytes(input.data(), input.size());
  std::string summed(input);
  for (int shift = 0; shift < 32; shift += 8) {
    summed.push_back(static_cast<char>(crc.checksum() >> shift));
  }
  check(summed);
}
