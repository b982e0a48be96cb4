#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>

namespace yardmaster::agent {

/// A progress bar for a command's work, drawn on a terminal once the work has taken two seconds
/// and at most ten times a second. Where `terminal` is false nothing is ever drawn. One thread.
class ProgressBar {
 public:
  using Now = std::chrono::steady_clock::time_point;

  /// `out` outlives the bar. `start` is when the work began.
  ProgressBar(std::ostream& out, bool terminal, std::string label, Now start);

  /// `done` of `total`, at the time `now`.
  void update(std::uint64_t done, std::uint64_t total, Now now);

  /// Wipes the bar, if there is one, so that results can follow.
  void finish();

 private:
  std::ostream& out_;
  bool terminal_;
  std::string label_;
  Now start_;
  Now last_drawn_;
  bool drawn_ = false;
};

/// Whether standard error, where bars go, is a terminal.
bool stderr_is_terminal();

}  // namespace yardmaster::agent
