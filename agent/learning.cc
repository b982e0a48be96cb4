#include "agent/learning.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <exception>

#include "base/json_text.h"
#include "env/objective.h"
#include "env/observation.h"
#include "env/query.h"

namespace yardmaster::agent {
namespace {

constexpr std::size_t kRowsAtOnce = 1024;

/// Everything that a state depends on besides the rows. Models are not part of it: an arm without
/// rows is the same whenever it is added.
std::string fingerprint(const LearningSpec& spec) {
  const policies::PolicyOptions& options = spec.options;
  return "policy=" + spec.policy + " encoder=" + spec.encoder +
         " encoder_version=" + std::to_string(spec.encoder_version) +
         " dimension=" + std::to_string(options.dimension) +
         " seed=" + std::to_string(options.seed) +
         " floor=" + number_text(options.exploration_floor) +
         " half_life=" + number_text(options.half_life_decisions);
}

}  // namespace

RouterLearner::RouterLearner(LearningSpec spec, std::unique_ptr<policies::Learner> learner,
                             Snapshots snapshots)
    : spec_(std::move(spec)), learner_(std::move(learner)), snapshots_(std::move(snapshots)) {
  status_.router = spec_.router;
  status_.policy = spec_.policy;
  status_.encoder = spec_.encoder;
  status_.encoder_version = spec_.encoder_version;
}

Result<std::unique_ptr<RouterLearner>> RouterLearner::make(
    LearningSpec spec, const std::filesystem::path& snapshot_directory,
    std::size_t keep_snapshots) {
  auto learner = policies::make_learner(spec.policy, spec.options);
  if (!learner) return fail(learner.error());
  return make(std::move(spec), std::move(*learner), snapshot_directory, keep_snapshots);
}

std::unique_ptr<RouterLearner> RouterLearner::make(LearningSpec spec,
                                                   std::unique_ptr<policies::Learner> learner,
                                                   const std::filesystem::path& snapshot_directory,
                                                   std::size_t keep_snapshots) {
  // No router's name has a '~'.
  const std::string name = spec.successor ? spec.router + "~next" : spec.router;
  Snapshots snapshots(snapshot_directory, name, fingerprint(spec), keep_snapshots);
  return std::unique_ptr<RouterLearner>(
      new RouterLearner(std::move(spec), std::move(learner), std::move(snapshots)));
}

std::vector<std::string> RouterLearner::recover(const replay::Store& store) {
  store_ = &store;
  LoadedSnapshot loaded = snapshots_.load_newest(*learner_, store.stats().rows);
  status_.version = loaded.version;
  if (loaded.version > 0) saved_version_ = loaded.version;
  for (const std::string& model : spec_.options.models) learner_->add_arm(model);
  if (Status pinned = load_pinned(); !pinned) {
    loaded.refused.push_back(
        "the policy that router '" + spec_.router +
        "' was rolled back to cannot be used, so the newest serves: " + pinned.error().message);
  }
  return std::move(loaded.refused);
}

Status RouterLearner::load_pinned() {
  auto learner = policies::make_learner(spec_.policy, spec_.options);
  if (!learner) return fail(learner.error());
  const auto version = snapshots_.load_pinned(**learner, store_->stats().rows);
  if (!version) return fail(version.error());
  if (!*version) return {};
  for (const std::string& model : spec_.options.models) (*learner)->add_arm(model);
  pinned_ = PublishedPolicy{(*learner)->snapshot(), **version};
  return {};
}

Status RouterLearner::roll_back(std::uint64_t version) {
  if (Status kept = snapshots_.pin(version); !kept) return kept;
  return load_pinned();
}

void RouterLearner::promote() {
  snapshots_.unpin();
  pinned_.reset();
}

void RouterLearner::learn(std::span<const TrainingRow> rows) {
  for (const TrainingRow& row : rows) {
    if (row.sequence <= status_.version) continue;
    if (status_.failed) return;
    try {
      learn_one(row);
    } catch (const std::exception& error) {
      status_.failed = true;
      healthy_.store(false, std::memory_order_relaxed);
      status_.last_error = "learning row " + std::to_string(row.sequence) +
                           " failed: " + error.what() + "; the last good policy keeps serving";
      return;
    }
    status_.version = row.sequence;
  }
}

void RouterLearner::learn_one(const TrainingRow& row) {
  Status learned;
  if (takes(row.features)) {
    learned = learner_->learn(row);
  } else if (auto features = features_of(row)) {
    TrainingRow seen = row;
    seen.features = std::move(*features);
    learned = learner_->learn(seen);
  } else {
    ++status_.passed_over;
    return;
  }
  if (!learned) {
    ++status_.refused;
    status_.last_error =
        "row " + std::to_string(row.sequence) + " was not learned: " + learned.error().message;
    return;
  }
  ++status_.learned;
  count_reward(row);
  for (const policies::NoticedChange& change : learner_->take_changes()) {
    note_change(change, row.sequence);
  }
}

bool RouterLearner::takes(const Features& features) const {
  return features.encoder == spec_.encoder && features.version == spec_.encoder_version &&
         features.values.size() == spec_.options.dimension;
}

/// Features of our encoder for a row that was made for another one. From before our time: of the
/// query's text where the store has it, else those of the mean query, which teach how good each
/// model is on the whole, and that is most of what there is to know.
std::optional<Features> RouterLearner::features_of(const TrainingRow& row) const {
  if (takes(row.successor_features)) return row.successor_features;
  if (row.features.values.empty() || row.sequence > spec_.encode_rows_to) return std::nullopt;
  Features made{spec_.encoder, spec_.encoder_version, std::vector<float>(spec_.options.dimension)};
  if (spec_.text_encoder == nullptr || store_ == nullptr) return made;
  const auto record = store_->find(row.decision);
  if (record && record->decision.query) {
    spec_.text_encoder->encode(env::query_from_text(*record->decision.query), made.values);
  }
  return made;
}

void RouterLearner::note_change(const policies::NoticedChange& change, std::uint64_t row) {
  spdlog::warn(
      "router {}: the {} of model {} has changed by about {:+.3g}, noticed at row {}; what was "
      "learned of it before counts little from here on",
      spec_.router, change.value, change.model, change.shift, row);
  const std::lock_guard lock(changes_mutex_);
  auto known = std::find_if(changes_.begin(), changes_.end(),
                            [&](const ModelChanges& each) { return each.model == change.model; });
  if (known == changes_.end()) known = changes_.insert(known, {change.model, 0, {}, 0, 0});
  *known = {change.model, known->count + 1, std::string(change.value), change.shift, row};
}

std::vector<ModelChanges> RouterLearner::changes() const {
  const std::lock_guard lock(changes_mutex_);
  return changes_;
}

void RouterLearner::count_reward(const TrainingRow& row) {
  for (const ArmOutcome& outcome : row.outcomes) {
    const std::optional<double> reward = env::reward(outcome, row.weights);
    if (!reward || row.replaces) continue;
    reward_sum_.store(reward_sum() + *reward, std::memory_order_relaxed);
    reward_count_.store(reward_count() + 1, std::memory_order_relaxed);
  }
}

Result<PublishedPolicy> RouterLearner::publish() {
  if (pinned_) return *pinned_;
  if (status_.failed) return fail(ErrorCode::corrupt, status_.last_error);
  PublishedPolicy published{learner_->snapshot(), status_.version};
  const std::vector<std::string> arms = learner_->arms();
  std::vector<env::Candidate> candidates;
  for (const std::string& arm : arms) candidates.push_back({.model = arm});
  const std::vector<float> features(spec_.options.dimension);
  std::vector<double> probabilities(arms.size());
  const env::Observation observation{features, candidates, {}, status_.version};
  Status valid = published.policy->distribution(observation, probabilities, {});
  double sum = 0;
  for (const double p : probabilities) sum += p;
  if (valid && !(std::abs(sum - 1) < 1e-6)) {
    valid = fail(ErrorCode::corrupt, "its probabilities do not sum to 1");
  }
  healthy_.store(valid.has_value(), std::memory_order_relaxed);
  if (!valid) {
    return fail(ErrorCode::corrupt, "the policy of router '" + spec_.router + "' at version " +
                                        std::to_string(status_.version) +
                                        " is not valid: " + valid.error().message +
                                        "; the last good one keeps serving");
  }
  return published;
}

Status RouterLearner::save() {
  if (saved_version_ == status_.version || status_.failed) return {};
  if (Status saved = snapshots_.save(*learner_, status_.version); !saved) {
    status_.last_error = saved.error().message;
    return saved;
  }
  saved_version_ = status_.version;
  return {};
}

Status RouterLearner::save_as_the_routers() {
  Snapshots as_routers = snapshots_.of(spec_.router);
  if (Status saved = as_routers.save(*learner_, status_.version); !saved) return saved;
  if (spec_.successor) snapshots_.remove_all();
  as_routers.unpin();
  spec_.successor = false;
  snapshots_ = std::move(as_routers);
  saved_version_ = status_.version;
  return {};
}

LearnerStatus RouterLearner::status() const {
  LearnerStatus status = status_;
  if (pinned_) status.pinned = pinned_->version;
  status.arms = learner_->arms();
  status.snapshots = snapshots_.list();
  status.changes = changes();
  return status;
}

Status learn_to_head(std::span<const std::unique_ptr<RouterLearner>> learners,
                     const replay::Store& store,
                     const std::function<void(std::uint64_t, std::uint64_t)>& progress,
                     const std::stop_token& stop) {
  const std::uint64_t total = store.stats().rows;
  for (;;) {
    std::uint64_t after = total;
    for (const auto& learner : learners) {
      if (!learner->failed()) after = std::min(after, learner->version());
    }
    if (progress) progress(after, total);
    if (after >= total || stop.stop_requested()) break;
    auto rows = store.rows_after(after, kRowsAtOnce);
    if (!rows) return fail(rows.error());
    if (rows->empty()) break;
    for (const auto& learner : learners) learner->learn(*rows);
  }
  for (const auto& learner : learners) {
    if (Status saved = learner->save(); !saved) return saved;
  }
  if (stop.stop_requested()) return fail(ErrorCode::unavailable, "stopped while learning");
  return {};
}

}  // namespace yardmaster::agent
