#pragma once

#include <cstdint>
#include <span>

namespace yardmaster::policies::ppo {

/// How a step of a trajectory relates to the next.
enum class StepEnd : std::uint8_t {
  continues,   ///< the next entry is the next step of the same episode
  terminated,  ///< the episode is over: nothing comes after, whatever the state is worth
  truncated    ///< cut off by a limit: the next entry is the state it was cut at, no step
};

/// Generalised advantage estimation (Schulman et al. 2016): with delta_t = r_t + gamma V_(t+1) -
/// V_t, V_(t+1) = 0 after a terminated step and the value of the state itself where an episode was
/// truncated,
///   A_t = delta_t + gamma lambda A_(t+1) within an episode.
/// Entries lie in the order of time, episodes one after the other; the entry after a truncated
/// step stands for its last state alone: its end is `terminated`, its reward is not read, its
/// advantage is 0.
/// A trajectory that breaks off at the end of the spans counts as terminated. For decisions that
/// stand alone every step is terminated, and A = r - V.
void advantages(std::span<const double> rewards, std::span<const double> values,
                std::span<const StepEnd> ends, double gamma, double lambda, std::span<double> out);

}  // namespace yardmaster::policies::ppo
