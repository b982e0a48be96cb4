#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "agent/latency_sketch.h"

namespace yardmaster::agent {

/// `hedge`: when another model is called beside one that is slow to answer.
struct HedgeSettings {
  bool enabled = false;
  double quantile = 0.95;  ///< of the called model's own times to first byte, after which it is
  std::uint32_t min_calls = 50;             ///< of the model, before its quantile is believed
  std::chrono::milliseconds min_wait{500};  ///< however fast the model is
  double max_share = 0.1;                   ///< of the calls that may be hedged
};

/// How long calls of each model are waited for before they are hedged, and how many may be. Models
/// are named by their index in the pool; answers that stream and those that do not are told apart,
/// since the first byte of a whole answer comes with its last. Thread-safe.
class Hedging {
 public:
  using Seconds = std::chrono::duration<double>;

  Hedging(std::size_t models, HedgeSettings settings);

  const HedgeSettings& settings() const { return settings_; }

  /// How long a call may be without an answer; nothing while too few of the model's were seen.
  std::optional<Seconds> wait(std::size_t model, bool stream) const;

  /// A call's first byte came after so long.
  void answered(std::size_t model, bool stream, Seconds time);

  /// A call was given up that had no answer after so long. It would have taken longer: left out, it
  /// would make the model look faster each time that it is hedged.
  void given_up(std::size_t model, bool stream, Seconds time);

  /// A call begins that may be hedged.
  void begin();

  /// Whether one may be hedged now, which then counts as done until give_back(). So many are
  /// allowed at once as came from begin() and were not used, ten at most.
  bool take();
  void give_back();

 private:
  struct Model {
    LatencySketch whole, streamed;
    LatencySketch& times(bool stream) { return stream ? streamed : whole; }
  };

  const HedgeSettings settings_;
  std::vector<std::unique_ptr<Model>> models_;
  std::mutex mutex_;
  double allowed_ = 0;  ///< guarded by mutex_
};

}  // namespace yardmaster::agent
