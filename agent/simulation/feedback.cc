#include "agent/simulation/feedback.h"

#include <algorithm>

namespace yardmaster::agent {
namespace {

enum Stream : std::uint64_t { kLoss = 2, kDelay = 3, kNoise = 4 };

}  // namespace

FeedbackChannel::FeedbackChannel(const FeedbackModel& model, std::size_t models, std::uint64_t seed)
    : model_(model),
      bias_(models),
      loss_(seed, kLoss),
      delay_(seed, kDelay),
      noise_(seed, kNoise) {}

Result<FeedbackChannel> FeedbackChannel::make(const FeedbackModel& model, const World& world,
                                              std::uint64_t seed) {
  FeedbackChannel channel(model, world.data().models.size(), seed);
  for (const JudgeBias& bias : model.biases) {
    auto biased = world.find(bias.model);
    if (!biased) return fail(biased.error());
    channel.bias_[*biased] += bias.shift;
  }
  return channel;
}

SimulationData::Cell FeedbackChannel::judge(SimulationData::Cell cell, std::size_t model) {
  const double noise = model_.judge_noise > 0 ? model_.judge_noise * noise_.normal() : 0;
  if (cell.quality) *cell.quality = std::clamp(*cell.quality + bias_[model] + noise, 0.0, 1.0);
  return cell;
}

void FeedbackChannel::send(std::uint64_t round, TrainingRow row) {
  if (model_.rate < 1 && loss_.uniform() >= model_.rate) {
    for (ArmOutcome& outcome : row.outcomes) outcome.quality.reset();
  }
  waiting_.emplace(round + model_.delay.draw(delay_), std::move(row));
}

Status FeedbackChannel::deliver(std::uint64_t round, std::uint64_t& learned,
                                policies::Learner& learner) {
  while (!waiting_.empty() && waiting_.begin()->first <= round) {
    waiting_.begin()->second.sequence = ++learned;
    if (auto done = learner.learn(waiting_.begin()->second); !done) return done;
    waiting_.erase(waiting_.begin());
  }
  return {};
}

}  // namespace yardmaster::agent
