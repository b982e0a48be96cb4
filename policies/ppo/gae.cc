#include "policies/ppo/gae.h"

#include <cstddef>

namespace yardmaster::policies::ppo {

void advantages(std::span<const double> rewards, std::span<const double> values,
                std::span<const StepEnd> ends, double gamma, double lambda, std::span<double> out) {
  const std::size_t count = rewards.size();
  for (std::size_t t = count; t-- > 0;) {
    if (t > 0 && ends[t - 1] == StepEnd::truncated) {
      out[t] = 0;
      continue;
    }
    const bool last = t + 1 == count || ends[t] == StepEnd::terminated;
    const double next_value = last ? 0 : values[t + 1];
    const double carried = last || ends[t] == StepEnd::truncated ? 0 : out[t + 1];
    out[t] = rewards[t] + gamma * next_value - values[t] + gamma * lambda * carried;
  }
}

}  // namespace yardmaster::policies::ppo
