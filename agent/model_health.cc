#include "agent/model_health.h"

#include <algorithm>
#include <bit>

namespace yardmaster::agent {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kWindowCalls = 32;
constexpr std::uint32_t kLeastCalls = 16;  // fewer say nothing about a rate
constexpr std::uint64_t kWindow = (std::uint64_t{1} << kWindowCalls) - 1;

std::string seconds_text(milliseconds time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count()) + " s";
}

}  // namespace

ModelHealth::ModelHealth(std::size_t models, BreakerSettings settings) : settings_(settings) {
  for (std::size_t i = 0; i < models; ++i) circuits_.push_back(std::make_unique<Circuit>());
}

std::vector<std::string> ModelHealth::down(Time now) const {
  std::vector<std::string> reasons;
  if (open_count_.load(std::memory_order_relaxed) == 0) return reasons;
  reasons.reserve(circuits_.size());
  for (const auto& circuit : circuits_) {
    const std::lock_guard lock(circuit->mutex);
    reasons.push_back(why_down(*circuit, now));
  }
  return reasons;
}

std::string ModelHealth::why_down(const Circuit& circuit, Time now) const {
  if (!circuit.open || now >= circuit.open_until) return {};
  return "not healthy: " + circuit.reason + "; tried again in " +
         seconds_text(std::chrono::ceil<milliseconds>(circuit.open_until - now));
}

bool ModelHealth::begin(std::size_t model, Time now) {
  Circuit& circuit = *circuits_[model];
  if (circuit.probes && circuit.probes->idle) {
    circuit.last_call.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  }
  if (open_count_.load(std::memory_order_relaxed) == 0) return false;
  const std::lock_guard lock(circuit.mutex);
  if (!circuit.open || now < circuit.open_until) return false;
  circuit.trial = true;
  circuit.open_until = now + circuit.open_for;
  return true;
}

void ModelHealth::given_up(std::size_t model, Time now) {
  Circuit& circuit = *circuits_[model];
  const std::lock_guard lock(circuit.mutex);
  if (!circuit.trial) return;
  circuit.trial = false;
  circuit.open_until = now;
}

void ModelHealth::Circuit::note(bool failed) {
  history = (history << 1) | (failed ? 1 : 0);
  calls = std::min(calls + 1, kWindowCalls);
}

bool ModelHealth::succeeded(std::size_t model) {
  Circuit& circuit = *circuits_[model];
  const std::lock_guard lock(circuit.mutex);
  const bool closes = close(circuit);
  circuit.note(false);
  return closes;
}

/// True: it was open.
bool ModelHealth::close(Circuit& circuit) {
  if (!circuit.open) return false;
  open_count_.fetch_sub(1, std::memory_order_relaxed);
  circuit.open = false;
  circuit.trial = false;
  circuit.open_for = milliseconds(0);
  circuit.history = 0;
  circuit.calls = 0;
  circuit.reason.clear();
  return true;
}

void ModelHealth::expect_probes(std::size_t model, ProbeReach reach, milliseconds guard,
                                std::optional<milliseconds> idle) {
  circuits_[model]->probes = Probes{reach, guard, idle};
}

bool ModelHealth::wants_probe(std::size_t model, Time now) {
  Circuit& circuit = *circuits_[model];
  if (!circuit.probes) return false;
  const std::lock_guard lock(circuit.mutex);
  if (!circuit.open) {
    const Time last(Time::duration(circuit.last_call.load(std::memory_order_relaxed)));
    return circuit.probes->idle && now - last >= *circuit.probes->idle;
  }
  if (!circuit.waits_for_probes() || now < circuit.probe_from) return false;
  circuit.open_until = std::max(circuit.open_until, now + circuit.probes->guard);
  return true;
}

bool ModelHealth::probed(std::size_t model) {
  Circuit& circuit = *circuits_[model];
  const std::lock_guard lock(circuit.mutex);
  if (circuit.open) return circuit.waits_for_probes() && close(circuit);
  if (circuit.probes->reach == ProbeReach::model) circuit.note(false);
  return false;
}

bool ModelHealth::probe_failed(std::size_t model, CallFailure failure, Time now) {
  Circuit& circuit = *circuits_[model];
  failure.what = "a probe failed: " + failure.what;
  if (circuit.probes->reach == ProbeReach::upstream) failure.of_upstream = true;
  {
    const std::lock_guard lock(circuit.mutex);
    if (circuit.open && circuit.waits_for_probes()) {
      open(circuit, failure.what, failure, now);
      return false;
    }
  }
  return failed(model, failure, now);
}

bool ModelHealth::failed(std::size_t model, const CallFailure& failure, Time now) {
  Circuit& circuit = *circuits_[model];
  const std::lock_guard lock(circuit.mutex);
  circuit.note(true);
  if (circuit.open && !circuit.trial && !failure.wait) return false;  // sent before it opened
  auto reason = reason_to_open(circuit, failure);
  if (!reason && circuit.trial) reason = "a trial failed: " + failure.what;
  if (!reason) return false;
  open(circuit, std::move(*reason), failure, now);
  return true;
}

std::optional<std::string> ModelHealth::reason_to_open(const Circuit& circuit,
                                                       const CallFailure& failure) const {
  if (failure.refused || failure.wait) return failure.what;
  const auto in_a_row = static_cast<std::uint32_t>(std::countr_one(circuit.history));
  if (in_a_row >= settings_.consecutive_failures) {
    return std::to_string(in_a_row) + " failures in a row, the latest: " + failure.what;
  }
  const int failures = std::popcount(circuit.history & kWindow);
  if (circuit.calls >= kLeastCalls && failures >= settings_.failure_rate * circuit.calls) {
    return std::to_string(failures) + " of the last " + std::to_string(circuit.calls) +
           " calls failed, the latest: " + failure.what;
  }
  return std::nullopt;
}

void ModelHealth::open(Circuit& circuit, std::string reason, const CallFailure& failure, Time now) {
  if (!circuit.open) {
    open_count_.fetch_add(1, std::memory_order_relaxed);
    circuit.open_for = std::min(settings_.open, settings_.max_open);
  } else if (circuit.trial) {
    circuit.open_for = std::min(2 * circuit.open_for, settings_.max_open);
  }
  circuit.open = true;
  circuit.trial = false;
  circuit.reason = std::move(reason);
  circuit.of_upstream = failure.of_upstream;
  milliseconds open_for = circuit.open_for;
  circuit.probe_from = now;
  if (failure.wait) {
    open_for = std::min(*failure.wait, kLongestWait);
    circuit.probe_from = now + open_for;
  }
  // A call follows only where probes, which should have come by then, did not.
  if (circuit.waits_for_probes()) open_for += circuit.probes->guard;
  circuit.open_until = std::max(circuit.open_until, now + open_for);
}

std::string_view ModelHealth::name_of(State state) {
  switch (state) {
    case State::closed:
      return "closed";
    case State::open:
      return "open";
    case State::half_open:
      return "half_open";
  }
  return "closed";
}

ModelHealth::Status ModelHealth::status(std::size_t model, Time now) const {
  const Circuit& circuit = *circuits_[model];
  const std::lock_guard lock(circuit.mutex);
  Status status;
  if (!circuit.open) return status;
  status.reason = circuit.reason;
  status.state = circuit.trial || now >= circuit.open_until ? State::half_open : State::open;
  if (now < circuit.open_until) {
    status.retry_in = std::chrono::ceil<milliseconds>(circuit.open_until - now);
  }
  return status;
}

}  // namespace yardmaster::agent
