#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace yardmaster::agent {

/// An encoder that a router's policy was or is learned with.
struct EncoderInUse {
  std::string name;           ///< as in the config: "static", "minilm:FOLDER", ...
  std::uint32_t version = 0;  ///< of the encoder
  /// Training rows up to this one are from before it: LearningSpec::encode_rows_to.
  std::uint64_t encode_rows_to = 0;

  friend bool operator==(const EncoderInUse&, const EncoderInUse&) = default;
};

/// Which encoder a router decides with, and which one is to take over from it. On disk beside the
/// snapshots, as ROUTER.encoder.json; docs/replay-format.md has the fields.
struct EncoderState {
  EncoderInUse serving;
  std::optional<EncoderInUse> successor;
  std::vector<double> trial;  ///< Trial::differences of the successor

  friend bool operator==(const EncoderState&, const EncoderState&) = default;
};

std::filesystem::path encoder_state_file(const std::filesystem::path& snapshots,
                                         const std::string& router);

/// Nothing where there is no file. Fails with corrupt on one that cannot be read.
Result<std::optional<EncoderState>> read_encoder_state(const std::filesystem::path& file);

/// Replaces the file, all or nothing.
Status write_encoder_state(const std::filesystem::path& file, const EncoderState& state);

/// What to do about a router's encoders when the daemon starts.
struct EncoderPlan {
  EncoderState state;
  std::string notice;  ///< for the log; empty: nothing has changed
  bool lost = false;   ///< the notice is a warning: what was learned cannot serve any more
};

/// `stored` is the state of the last run, `configured` the config's encoder now, `rows` how many
/// training rows the store has. `unusable` says why the encoder of the last run cannot be opened as
/// it was; empty if it can. A changed encoder becomes the successor; it serves at once where there
/// is nothing to succeed: no state, no rows, or an encoder that is gone.
EncoderPlan plan_encoders(const std::string& router, const std::optional<EncoderState>& stored,
                          const EncoderInUse& configured, std::uint64_t rows,
                          const std::string& unusable);

}  // namespace yardmaster::agent
