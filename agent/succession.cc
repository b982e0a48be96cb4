#include "agent/succession.h"

#include <chrono>
#include <utility>

namespace yardmaster::agent {
namespace {

constexpr std::size_t kRowsAtOnce = 256;
constexpr std::chrono::milliseconds kPatience{100};

}  // namespace

Succession::Succession(std::unique_ptr<RouterLearner> learner, EncoderState state,
                       std::filesystem::path state_file, std::size_t trial_rows,
                       const env::ModelPool& pool)
    : learner_(std::move(learner)),
      state_(std::move(state)),
      state_file_(std::move(state_file)),
      trial_rows_(trial_rows),
      pool_(pool),
      trial_(trial_rows) {
  trial_.restore(state_.trial);
  figures_ = trial_.figures();
}

Result<bool> Succession::catch_up(const replay::Store& store, std::uint64_t last) {
  if (learner_->failed() || learner_->version() >= last) return false;
  const auto rows = store.rows_after(learner_->version(), kRowsAtOnce);
  if (!rows) return fail(rows.error());
  // Rows whose text is encoded anew can take long each; the serving learner must not wait.
  const auto until = std::chrono::steady_clock::now() + kPatience;
  for (const TrainingRow& row : *rows) {
    if (row.sequence > last || std::chrono::steady_clock::now() > until) break;
    learner_->learn({&row, 1});
  }
  return !rows->empty() && !learner_->failed() && learner_->version() < last;
}

void Succession::learn_both(RouterLearner& serving, std::span<const TrainingRow> rows,
                            const replay::Store& store) {
  for (const TrainingRow& row : rows) {
    if (row.sequence <= serving.version()) continue;
    compare(serving, row, store);
    serving.learn({&row, 1});
    learner_->learn({&row, 1});
  }
  const std::lock_guard lock(mutex_);
  figures_ = trial_.figures();
}

void Succession::compare(const RouterLearner& serving, const TrainingRow& row,
                         const replay::Store& store) {
  if (!serving.takes(row.features) || !learner_->takes(row.successor_features)) return;
  const auto record = store.find(row.decision);
  if (!record || record->decision.router != router()) return;
  trial_.compare(row, row.successor_features.values, record->decision, pool_,
                 serving.learner().live(), learner_->learner().live());
}

bool Succession::ready(const RouterLearner& serving) const {
  return !took_over() && !learner_->failed() && learner_->version() >= serving.version() &&
         trial_.passed();
}

Status Succession::take_over() {
  if (auto valid = learner_->publish(); !valid) return fail(valid.error());
  if (Status saved = learner_->save_as_the_routers(); !saved) return saved;
  EncoderState next;
  next.serving = *state_.successor;
  if (Status written = write_encoder_state(state_file_, next); !written) return written;
  state_ = std::move(next);
  took_over_.store(true, std::memory_order_release);
  return {};
}

Status Succession::save() {
  if (took_over()) return {};
  Status saved = learner_->save();
  state_.trial = trial_.differences();
  if (Status written = write_encoder_state(state_file_, state_); !written) return written;
  return saved;
}

EncoderTrial::Figures Succession::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

}  // namespace yardmaster::agent
