#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/policy_slot.h"
#include "agent/snapshots.h"
#include "base/training_row.h"
#include "env/encoder.h"
#include "policies/policy.h"
#include "replay/store.h"

namespace yardmaster::agent {

/// What a router learns with, and from which rows.
struct LearningSpec {
  std::string router;
  std::string policy;  ///< the config's name for it
  policies::PolicyOptions options;
  std::string encoder;  ///< rows without its features are passed over
  std::uint32_t encoder_version = 0;

  /// Rows up to this one that have another encoder's features are learned all the same: encoded
  /// anew by `text_encoder` where the store has their queries' text, else with zeros, the mean
  /// query. The encoder outlives the learner.
  std::uint64_t encode_rows_to = 0;
  const env::Encoder* text_encoder = nullptr;

  /// Of an encoder that is to take over: its snapshots have a name of their own until then.
  bool successor = false;
};

/// Where the change of a router's encoder stands.
struct SuccessorStatus {
  std::string encoder;
  std::uint32_t encoder_version = 0;
  std::uint64_t version = 0;  ///< newest row looked at
  std::uint64_t learned = 0;
  std::uint64_t passed_over = 0;
  bool failed = false;
  std::string last_error;
  std::uint64_t trial_rows = 0;  ///< that must be compared
  std::uint64_t compared = 0;
  double difference = 0;  ///< EncoderTrial::Figures
  double lower_bound = 0;
};

/// Changes of one model that its outcomes showed and nobody announced.
struct ModelChanges {
  std::string model;
  std::uint64_t count = 0;  ///< noticed since the start of the process
  std::string value;        ///< of the newest: quality, cost_usd or latency_s
  double shift = 0;         ///< by how much its mean had moved, in its unit
  std::uint64_t row = 0;    ///< the training row with which it was noticed
};

/// Figures of one router's learner.
struct LearnerStatus {
  std::string router;
  std::string policy;
  std::string encoder;  ///< that serves
  std::uint32_t encoder_version = 0;
  std::optional<SuccessorStatus> successor;  ///< while its encoder changes
  std::uint64_t version = 0;                 ///< newest row looked at
  std::optional<std::uint64_t> pinned;       ///< the version that serves in its place
  std::uint64_t learned = 0;                 ///< rows learned since the start of the process
  std::uint64_t passed_over = 0;             ///< rows with no features, or another encoder's
  std::uint64_t refused = 0;                 ///< rows that the policy would not learn
  std::string last_error;                    ///< empty: none
  bool failed = false;                       ///< stopped learning; the last good policy serves
  std::vector<ModelChanges> changes;         ///< models whose silent changes were noticed
  std::vector<std::string> arms;
  std::vector<SnapshotInfo> snapshots;
};

/// One router's learner with its snapshots on disk. Its state is a function of the spec and of
/// the store's rows in their order, so recovering from any snapshot and learning the rows after
/// it gives the same state as learning all from the first. One thread.
class RouterLearner {
 public:
  /// Fails with invalid_argument on an unknown policy.
  static Result<std::unique_ptr<RouterLearner>> make(
      LearningSpec spec, const std::filesystem::path& snapshot_directory,
      std::size_t keep_snapshots);

  /// With a learner of the caller's instead of the one that the spec names.
  static std::unique_ptr<RouterLearner> make(LearningSpec spec,
                                             std::unique_ptr<policies::Learner> learner,
                                             const std::filesystem::path& snapshot_directory,
                                             std::size_t keep_snapshots);

  /// Loads the newest good snapshot, and the pinned one. Returns a sentence for each that was of no
  /// use.
  std::vector<std::string> recover(const replay::Store& store);

  /// Learns those of the rows that are newer than version(), in order. A row that the policy
  /// refuses is counted and passed over. An exception from the policy (out of memory, a failing
  /// device) stops this learner for good: status().failed, and version() stays.
  void learn(std::span<const TrainingRow> rows);

  /// Whether it learns from features such as these.
  bool takes(const Features& features) const;

  /// Of a successor that takes over: its snapshots go by the router's name from here on, and one of
  /// the present state is written. Fails as save(), and then nothing has changed.
  Status save_as_the_routers();

  /// Writes a snapshot unless the newest one already is of this version.
  Status save();

  /// A copy of the present state for serving. Fails with corrupt where it gives no valid
  /// distribution over its own arms: such a state must not replace one that does.
  Result<PublishedPolicy> publish();

  /// Serves the snapshot of that version from here on, across restarts too, while learning goes on
  /// unserved. Fails as Snapshots::pin() and load_pinned(); what served before then still does.
  Status roll_back(std::uint64_t version);

  /// Serves the newest state again.
  void promote();

  /// The version that publish() gives.
  std::uint64_t served_version() const { return pinned_ ? pinned_->version : status_.version; }

  /// Rewards of the rows learned since the start of the process; any thread.
  double reward_sum() const { return reward_sum_.load(std::memory_order_relaxed); }
  std::uint64_t reward_count() const { return reward_count_.load(std::memory_order_relaxed); }

  /// Models whose silent changes were noticed, in the order of their first; any thread.
  std::vector<ModelChanges> changes() const;

  /// False once it stopped learning, and while its newest state is not valid; any thread.
  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }

  std::uint64_t version() const { return status_.version; }
  std::uint64_t oldest_snapshot() const { return snapshots_.oldest_version(); }
  bool failed() const { return status_.failed; }
  LearnerStatus status() const;

  /// Rows that the policy would not learn, since the start.
  std::uint64_t refused() const { return status_.refused; }
  const policies::Learner& learner() const { return *learner_; }
  const std::string& router() const { return spec_.router; }

 private:
  RouterLearner(LearningSpec spec, std::unique_ptr<policies::Learner> learner, Snapshots snapshots);
  void learn_one(const TrainingRow& row);
  Status load_pinned();
  std::optional<Features> features_of(const TrainingRow& row) const;
  void count_reward(const TrainingRow& row);
  void note_change(const policies::NoticedChange& change, std::uint64_t row);

  LearningSpec spec_;
  std::unique_ptr<policies::Learner> learner_;
  Snapshots snapshots_;
  LearnerStatus status_;
  std::optional<PublishedPolicy> pinned_;
  const replay::Store* store_ = nullptr;  ///< since recover()
  std::optional<std::uint64_t> saved_version_;
  std::atomic<double> reward_sum_ = 0;
  std::atomic<std::uint64_t> reward_count_ = 0;
  std::atomic<bool> healthy_ = true;
  mutable std::mutex changes_mutex_;
  std::vector<ModelChanges> changes_;  // guarded by changes_mutex_
};

/// Brings every learner up to the store's newest row and saves their snapshots. For warm start
/// and for the daemon's start. `progress(done, total)` may be null. Asked to stop, it saves what
/// was learned so far, where the next start goes on, and fails with unavailable.
Status learn_to_head(std::span<const std::unique_ptr<RouterLearner>> learners,
                     const replay::Store& store,
                     const std::function<void(std::uint64_t, std::uint64_t)>& progress,
                     const std::stop_token& stop = {});

}  // namespace yardmaster::agent
