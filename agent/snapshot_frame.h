#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace yardmaster::agent {

/// What a snapshot's file holds: a learner's state and what it is the state of.
struct SnapshotFrame {
  std::uint64_t version = 0;     ///< training rows learned
  std::string_view fingerprint;  ///< names all that the state depends on besides the rows
  std::string_view state;        ///< the learner's own bytes
};

/// The file's bytes; docs/replay-format.md has the layout.
std::string write_snapshot(const SnapshotFrame& frame);

/// Reads any bytes; the views of the result point into them. Fails with corrupt where they are no
/// snapshot or do not match their checksum, and with unsupported for another format; the message
/// is to follow the file's name.
Result<SnapshotFrame> read_snapshot(std::string_view bytes);

}  // namespace yardmaster::agent
