#include "policies/ppo/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "base/random.h"
#include "policies/orthogonal.h"

namespace yardmaster::policies::ppo {
namespace {

constexpr std::size_t kInputs = 3;
constexpr std::size_t kActions = 4;

Options small_options() {
  Options options;
  options.inputs = kInputs;
  options.actions = kActions;
  options.hidden = {5, 6};
  options.seed = 7;
  return options;
}

std::unique_ptr<Trainer> make(const Options& options) {
  return std::move(Trainer::make(options).value());
}

/// Samples of a uniform behaviour, some of them episodes of two steps that are cut off.
Batch random_batch(std::size_t samples, std::uint64_t seed, std::size_t actions = kActions) {
  Rng rng(seed);
  Batch batch;
  for (std::size_t i = 0; i < samples; ++i) {
    for (std::size_t j = 0; j < kInputs; ++j) {
      batch.inputs.push_back(static_cast<float>(rng.normal()));
    }
    const auto action = rng.below(actions);
    for (std::size_t a = 0; a < actions; ++a) {
      batch.mask.push_back(a == action || rng.below(4) > 0 ? 1 : 0);
      batch.logit_offsets.push_back(static_cast<float>(rng.normal()));
      batch.value_offsets.push_back(static_cast<float>(0.1 * rng.normal()));
    }
    batch.action.push_back(static_cast<std::int64_t>(action));
    batch.behaviour_log_probability.push_back(std::log(0.3 + 0.6 * rng.uniform()));
    batch.reward.push_back(rng.normal());
    batch.weight.push_back(0.5 + rng.uniform());
    const bool cut = i % 3 == 1 && i + 1 < samples;
    batch.ends.push_back(i % 3 == 0 && cut ? StepEnd::continues
                         : cut             ? StepEnd::truncated
                                           : StepEnd::terminated);
  }
  return batch;
}

/// Single decisions with two actions, of which action 1 is worth 1 more.
Batch better_second_action(std::size_t samples, std::uint64_t seed) {
  Rng rng(seed);
  Batch batch;
  for (std::size_t i = 0; i < samples; ++i) {
    for (std::size_t j = 0; j < kInputs; ++j) {
      batch.inputs.push_back(static_cast<float>(rng.normal()));
    }
    const auto action = static_cast<std::int64_t>(rng.below(2));
    batch.action.push_back(action);
    batch.behaviour_log_probability.push_back(std::log(0.5));
    batch.reward.push_back(static_cast<double>(action) + 0.1 * rng.normal());
    batch.weight.push_back(1);
    batch.ends.push_back(StepEnd::terminated);
  }
  return batch;
}

double probability_of_second(const Trainer& trainer) {
  std::vector<float> logits(2);
  trainer.actor().forward(std::vector<float>{0.1F, -0.2F, 0.3F}, logits);
  return 1 / (1 + std::exp(static_cast<double>(logits[0] - logits[1])));
}

TEST(PpoTrainer, ItsGradientIsThatOfItsLossByFiniteDifferences) {
  Options options = small_options();
  options.double_precision = true;
  options.entropy = 0.05;
  auto trainer = make(options);
  (void)trainer->update(random_batch(40, 1), 0);
  const Batch batch = random_batch(20, 2);
  // Away from where pi_old was taken, so that ratios differ from 1 and some are clipped.
  Rng rng(3);
  std::vector<double> at = trainer->parameters();
  for (double& value : at) value += 0.2 * rng.normal();
  std::vector<double> gradient;
  (void)trainer->loss(batch, at, &gradient);
  ASSERT_EQ(gradient.size(), at.size());
  constexpr double kStep = 1e-6;
  double largest = 0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    std::vector<double> up = at, down = at;
    up[i] += kStep;
    down[i] -= kStep;
    const double slope =
        (trainer->loss(batch, up, nullptr) - trainer->loss(batch, down, nullptr)) / (2 * kStep);
    EXPECT_NEAR(gradient[i], slope, 1e-6) << "parameter " << i;
    largest = std::max(largest, std::abs(slope));
  }
  EXPECT_GT(largest, 0.01);
}

// The loss again, an action and a sample at a time, for a critic that knows nothing: with Q equal
// for all actions the advantage of what was done is r - V, that of the rest 0.
TEST(PpoTrainer, ItsLossIsTheClippedSurrogateOfRewardMinusValue) {
  Options options = small_options();
  options.double_precision = true;
  options.actions = 2;
  options.entropy = 0.02;
  options.ratio_cap = 100;
  auto trainer = make(options);
  const Batch batch = better_second_action(6, 4);
  std::vector<double> start = trainer->parameters(), at = start;
  Rng rng(5);
  for (std::size_t i = 0; i < at.size() / 2; ++i) at[i] += 0.5 * rng.normal();  // the actor
  // The critic's last layer at 0: Q = V = 0.
  const std::size_t last = 2 * options.hidden[1] + 2;
  auto ignorant = start;
  std::fill(ignorant.end() - static_cast<std::ptrdiff_t>(last), ignorant.end(), 0.0);
  std::fill(at.end() - static_cast<std::ptrdiff_t>(last), at.end(), 0.0);
  trainer->set_parameters(ignorant);

  const auto log_pi = [&](const std::vector<double>& parameters, std::size_t sample) {
    trainer->set_parameters(parameters);
    std::vector<float> logits(2);
    trainer->actor().forward(std::span(batch.inputs).subspan(sample * kInputs, kInputs), logits);
    const double sum = std::log(std::exp(double(logits[0])) + std::exp(double(logits[1])));
    return std::array{double(logits[0]) - sum, double(logits[1]) - sum};
  };
  double mean = 0, squares = 0, expected = 0;
  for (const double reward : batch.reward) {
    mean += reward / 6;
    squares += reward * reward / 6;
  }
  const double deviation = std::sqrt(squares - mean * mean);
  for (std::size_t i = 0; i < 6; ++i) {
    const auto a = static_cast<std::size_t>(batch.action[i]);
    const auto old = log_pi(ignorant, i), now = log_pi(at, i);
    const double weight = std::exp(old[a]) / 0.5;  // pi_old / mu
    const double u = std::exp(now[a] - old[a]), advantage = batch.reward[i] / deviation;
    const double clipped = std::clamp(u, 1 - options.clip, 1 + options.clip);
    const double entropy = -std::exp(now[0]) * now[0] - std::exp(now[1]) * now[1];
    expected -=
        (weight * std::min(u * advantage, clipped * advantage) + options.entropy * entropy) / 6;
    expected += options.value_weight * batch.reward[i] * batch.reward[i] / 6;
  }
  trainer->set_parameters(ignorant);
  EXPECT_NEAR(trainer->loss(batch, at, nullptr), expected, 1e-5);
}

TEST(PpoTrainer, PrefersTheBetterActionAfterFewUpdates) {
  Options options = small_options();
  options.actions = 2;
  auto trainer = make(options);
  for (std::uint64_t i = 0; i < 60; ++i) (void)trainer->update(better_second_action(128, i), i);
  EXPECT_GT(probability_of_second(*trainer), 0.9);
}

TEST(PpoTrainer, ServesWhatItTrainsToAHundredThousandth) {
  Options options = small_options();
  auto single = make(options);
  options.double_precision = true;
  auto twice = make(options);
  std::vector<float> a(kActions), b(kActions);
  const std::vector<float> in{0.5F, -1, 2};
  single->actor().forward(in, a);
  twice->actor().forward(in, b);
  for (std::size_t i = 0; i < kActions; ++i) EXPECT_NEAR(a[i], b[i], 1e-5);
  // By LibTorch: one sample's target is Q of what was done when nothing else is known of it.
  Batch batch = random_batch(1, 8);
  batch.value_offsets.clear();
  std::vector<float> q(kActions);
  single->critic().forward(batch.inputs, q);
  batch.reward[0] = static_cast<double>(q[static_cast<std::size_t>(batch.action[0])]);
  batch.weight[0] = 1;
  options.entropy = 0;
  auto no_entropy = make([&] {
    Options made = small_options();
    made.entropy = 0;
    made.double_precision = true;
    return made;
  }());
  std::vector<double> gradient;
  const auto parameters = no_entropy->parameters();
  (void)no_entropy->loss(batch, parameters, &gradient);
  for (std::size_t i = gradient.size() / 2; i < gradient.size(); ++i) {
    EXPECT_NEAR(gradient[i], 0, 1e-5);  // the critic's error is 0 to within the difference
  }
}

TEST(PpoTrainer, ABatchOfOneIsLearnedAndStaysFinite) {
  auto trainer = make(small_options());
  const Report report = trainer->update(random_batch(1, 9), 0);
  EXPECT_GT(report.steps, 0U);
  EXPECT_TRUE(report.finite);
  for (const double value : trainer->parameters()) ASSERT_TRUE(std::isfinite(value));
}

TEST(PpoTrainer, EqualRewardsAndHugeOnesStayFinite) {
  auto trainer = make(small_options());
  Batch batch = random_batch(64, 10);
  std::fill(batch.reward.begin(), batch.reward.end(), 1.0);
  (void)trainer->update(batch, 0);
  for (double& reward : batch.reward) reward *= 1e9;
  batch.reward[3] = -1e9;
  (void)trainer->update(batch, 1);
  for (const double value : trainer->parameters()) ASSERT_TRUE(std::isfinite(value));
}

TEST(PpoTrainer, StopsAnUpdateWhenThePolicyHasMovedTooFar) {
  Options options = small_options();
  options.actions = 2;
  options.learning_rate = 0.05;
  options.epochs = 50;
  options.target_kl = 0.01;
  auto trainer = make(options);
  const Report report = trainer->update(better_second_action(256, 11), 0);
  EXPECT_LT(report.steps, 50U);
  EXPECT_GT(report.kl, 0.015);
}

TEST(PpoTrainer, SkipsTheActorWhereTheLogsAreOfAnotherPolicy) {
  Options options = small_options();
  options.actions = 2;
  auto trainer = make(options);
  Batch batch = better_second_action(200, 12);
  // One sample that its policy hardly ever drew outweighs all others.
  for (double& value : batch.behaviour_log_probability) value = std::log(0.999);
  batch.behaviour_log_probability[0] = std::log(0.02);
  for (std::size_t i = 1; i < 200; ++i) {
    batch.logit_offsets.insert(batch.logit_offsets.end(), {0, 0});
  }
  batch.logit_offsets.insert(batch.logit_offsets.end(), {0, 0});
  for (std::size_t i = 0; i < 200; ++i) {
    const auto a = static_cast<std::size_t>(batch.action[i]);
    batch.logit_offsets[2 * i + a] = i == 0 ? 5 : -5;
  }
  const double before = probability_of_second(*trainer);
  const Report report = trainer->update(batch, 0);
  EXPECT_TRUE(report.actor_skipped);
  EXPECT_LT(report.effective_samples, 0.1);
  EXPECT_NEAR(probability_of_second(*trainer), before, 1e-4);
}

TEST(PpoTrainer, ContinuesBitForBitFromAnArchive) {
  auto original = make(small_options()), restored = make(small_options());
  (void)original->update(random_batch(40, 13), 1);
  original->add_action();
  (void)original->update(random_batch(40, 14, kActions + 1), 2);
  TensorArchive archive;
  original->put(archive);
  std::stringstream bytes;
  ASSERT_TRUE(archive.write(bytes));
  TensorArchive read;
  ASSERT_TRUE(read.read(bytes));
  ASSERT_TRUE(restored->take(read, kActions + 1));
  (void)original->update(random_batch(40, 15, kActions + 1), 3);
  (void)restored->update(random_batch(40, 15, kActions + 1), 3);
  EXPECT_EQ(original->parameters(), restored->parameters());
}

TEST(PpoTrainer, ActionsComeAndGoWithoutDisturbingTheOthers) {
  auto trainer = make(small_options());
  (void)trainer->update(random_batch(40, 16), 1);
  const std::vector<float> in{1, 2, 3};
  std::vector<float> before(4), after(4);
  trainer->actor().forward(in, before);
  trainer->add_action();
  trainer->remove_action(1);
  trainer->actor().forward(in, after);
  EXPECT_EQ(after, (std::vector<float>{before[0], before[2], before[3], 0}));
  EXPECT_EQ(trainer->actions(), 4U);
}

TEST(PpoTrainer, SaysThatAGpuIsNotThere) {
  Options options = small_options();
  options.device = "auto";
  EXPECT_TRUE(Trainer::make(options));
  options.device = "cuda";
  if (const auto made = Trainer::make(options); !made) {
    EXPECT_EQ(made.error().code, ErrorCode::unavailable);
  }
}

TEST(Orthogonal, RowsOrColumnsAreAtRightAnglesAndOfTheGainsLength) {
  Rng rng(17);
  for (const auto& [rows, columns] : {std::pair{3UL, 5UL}, {5UL, 3UL}}) {
    const auto m = orthogonal(rows, columns, 2, rng);
    const std::size_t count = std::min(rows, columns), length = std::max(rows, columns);
    const auto at = [&](std::size_t vector, std::size_t i) {
      return rows <= columns ? m[vector * columns + i] : m[i * columns + vector];
    };
    for (std::size_t a = 0; a < count; ++a) {
      for (std::size_t b = 0; b < count; ++b) {
        double product = 0;
        for (std::size_t i = 0; i < length; ++i) product += at(a, i) * at(b, i);
        EXPECT_NEAR(product, a == b ? 4 : 0, 1e-12);
      }
    }
  }
}

}  // namespace
}  // namespace yardmaster::policies::ppo
