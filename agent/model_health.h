#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace yardmaster::agent {

/// When a model's circuit opens, and for how long.
struct BreakerSettings {
  std::uint32_t consecutive_failures = 5;  ///< so many in a row open it; 1 to 64
  double failure_rate = 0.5;               ///< or this part of the last 32 calls, from 16 calls on
  std::chrono::milliseconds open{15'000};  ///< the first time; each failed trial doubles it
  std::chrono::milliseconds max_open{300'000};  ///< up to this
};

/// What the probes of a model can tell.
enum class ProbeReach {
  upstream,  ///< whether its upstream is there and takes the key, whatever the model does
  model      ///< whether the model answers
};

/// A call that failed, as far as the model's health goes.
struct CallFailure {
  std::string what;                               ///< for people: "HTTP 500"
  bool refused = false;                           ///< the key or the account: opens at once
  std::optional<std::chrono::seconds> wait = {};  ///< the upstream's Retry-After: opens at once

  /// No connection was had, or the key was not taken: any call of the upstream would show it.
  bool of_upstream = false;
};

/// Which models of the pool are fit to be called: a circuit breaker each. Closed: calls go out. Too
/// many failures open it: nobody calls until a time has passed. Then it is half open: one call, the
/// trial, is let through; its success closes the circuit, its failure opens it for twice as long. A
/// trial of which nothing is heard is followed by another after the same time.
///
/// A model may have probes: requests of nobody's, which are made while its circuit is open. A
/// circuit whose end they can tell waits for them and lets no call through meanwhile; one closes
/// it. Probes of the upstream alone can tell no end of what is the model's own, so that takes its
/// usual course.
///
/// Models are named by their index in the pool. Thread-safe; while all are closed asking costs one
/// atomic load, and each call one uncontended lock.
class ModelHealth {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Longest that a Retry-After is followed.
  static constexpr std::chrono::seconds kLongestWait{3600};

  ModelHealth(std::size_t models, BreakerSettings settings);

  /// Why each model is not to be called now, in the pool's order, empty for one that may be. An
  /// empty vector: all may be.
  std::vector<std::string> down(Time now) const;

  /// A call is about to be made; true: the circuit is half open, and it is the trial.
  bool begin(std::size_t model, Time now);

  /// A trial was given up before anything was heard of it: another may follow at once.
  void given_up(std::size_t model, Time now);

  /// The model has probes, which begin, each, not later than `guard` after the one before has
  /// ended; while nobody called it for `idle` also with a closed circuit (nothing: not then).
  /// Before its first call.
  void expect_probes(std::size_t model, ProbeReach reach, std::chrono::milliseconds guard,
                     std::optional<std::chrono::milliseconds> idle);

  /// Whether one is to be made now.
  bool wants_probe(std::size_t model, Time now);

  bool probed(std::size_t model);  ///< one found it well; true: that closed the circuit
  bool probe_failed(std::size_t model, CallFailure failure, Time now);  ///< true: that opened it

  bool succeeded(std::size_t model);  ///< true: that closed the circuit
  bool failed(std::size_t model, const CallFailure& failure, Time now);  ///< true: that opened it

  enum class State { closed, open, half_open };
  static std::string_view name_of(State state);

  struct Status {
    State state = State::closed;
    std::string reason;                     ///< why it opened; empty while closed
    std::chrono::milliseconds retry_in{0};  ///< until the next trial
  };
  Status status(std::size_t model, Time now) const;

 private:
  struct Probes {
    ProbeReach reach = ProbeReach::upstream;
    std::chrono::milliseconds guard{0};
    std::optional<std::chrono::milliseconds> idle;
  };

  struct Circuit {
    /// Whether its end, if it is open, is told by probes.
    bool waits_for_probes() const {
      return probes && (probes->reach == ProbeReach::model || of_upstream);
    }

    void note(bool failed);  ///< what came of a call

    std::optional<Probes> probes;         // set before the first call
    std::atomic<Time::rep> last_call{0};  // with idle probes: when it began
    mutable std::mutex mutex;
    std::uint64_t history = 0;  // of the last calls, the latest in bit 0; 1: failed
    std::uint32_t calls = 0;    // in history
    bool open = false;
    bool trial = false;  // under way
    Time open_until;
    std::chrono::milliseconds open_for{0};  // the latest time it was opened for
    std::string reason;
    bool of_upstream = false;  // CallFailure's, of what it opened for
    Time probe_from;           // not before: a Retry-After
  };

  bool close(Circuit& circuit);
  std::optional<std::string> reason_to_open(const Circuit& circuit,
                                            const CallFailure& failure) const;
  void open(Circuit& circuit, std::string reason, const CallFailure& failure, Time now);
  std::string why_down(const Circuit& circuit, Time now) const;

  const BreakerSettings settings_;
  std::vector<std::unique_ptr<Circuit>> circuits_;
  std::atomic<int> open_count_{0};
};

}  // namespace yardmaster::agent
