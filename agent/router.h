#pragma once

#include <array>
#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/budget/paced_choice.h"
#include "agent/budget/pacer.h"
#include "agent/keys/key_hold.h"
#include "agent/policy_slot.h"
#include "agent/sessions.h"
#include "base/decision.h"
#include "base/random.h"
#include "base/result.h"
#include "env/candidate_filter.h"
#include "env/encoder.h"
#include "env/model_pool.h"
#include "env/query.h"
#include "env/token_estimator.h"
#include "policies/policy.h"

namespace yardmaster::agent {

class TextRules;

/// What the config says of one router.
struct RouterSettings {
  std::string name;
  bool observe = false;  ///< serve the baseline, log what the policy would have chosen
  double share = 1;      ///< part of the traffic that the policy decides; the rest is baseline
  std::string baseline;  ///< empty: the pool's first model
  std::vector<std::string> require_tags;  ///< of the models that it chooses among
  std::vector<std::string> exclude_tags;
  const TextRules* texts = nullptr;  ///< of what is kept of queries' texts; nullptr: nothing
  ObjectiveWeights weights;
  double max_cost_weight = 0;  ///< a request may ask for weights up to this
  BudgetSettings budget;
  double exploration_floor = 0.001;  ///< of choices that a conversation's latest turn makes
  double switch_margin = 0.02;       ///< SessionSettings::switch_margin
};

/// One routing request.
struct RouteRequest {
  const env::Query* query = nullptr;
  std::vector<std::string> allow;  ///< model names; empty: all
  std::vector<std::string> deny;
  std::vector<std::string> require_tags;
  std::vector<std::string> exclude_tags;
  std::optional<double> cost_weight;
  SessionKey session;
  std::optional<SessionTurn> last_turn;  ///< of the session; nothing: the choice is free

  /// What the decision is logged with; empty: of no conversation, or of one that just begins.
  const std::string& session_id() const {
    return session.given.empty() && last_turn ? last_turn->session_id : session.given;
  }
  KeyHold hold;  ///< of the key that asks: it bounds the models

  /// Made ahead, for a slow encoder: nothing means that the router encodes the query itself, empty
  /// that it could not be encoded, and that the baseline serves it. The same for the encoder that
  /// is to take over.
  std::optional<std::vector<float>> features;
  std::optional<std::vector<float>> successor_features;

  /// Why a model is not to be chosen now, in the pool's order; empty: each may be.
  std::vector<std::string> down;

  /// What the request and its key say of tags. The spans are this object's and the key's.
  std::array<env::TagRule, 2> tag_rules() const;

  /// Of a hedge: the decision that it hedges. It counts as no query of a budget, and is refused
  /// where it could break one.
  std::optional<DecisionId> hedge_of;

  bool needs_upstream = false;  ///< leave out models that nothing serves
  bool explain = false;         ///< deviations of what is expected are wanted too
  bool baseline_only = false;   ///< the store is down: no exploration that cannot be logged
};

/// A decision and what led to it.
struct Routed {
  std::shared_ptr<Decision> decision;  ///< changes no more once the log has it
  const env::ModelSpec* model = nullptr;
  std::vector<double> policy_probabilities;  ///< before mode and share, in candidates' order
  /// What the policy expects of each candidate; empty where it expects nothing, as `fixed` does.
  std::vector<policies::Score> scores;
  struct Budget {
    double cost_weight = 0;  ///< that the pacer added
    double left_usd = 0;     ///< what the decision might cost
  };
  std::optional<Budget> budget;  ///< of a router that has one
  struct Session {
    std::string model;           ///< that answered the latest turn
    double switch_cost_usd = 0;  ///< what reading the prompt without its cache costs another
    bool kept = false;           ///< the policy would not leave it
  };
  std::optional<Session> session;  ///< of a conversation that goes on
  bool policy_failed = false;  ///< the policy gave no valid distribution; the baseline was taken
};

/// Decides: filter, encode, distribution, sample. The only place where a model is sampled, so the
/// logged propensity is the probability drawn with. Immutable but for the budget's pacer, which is
/// thread-safe; any thread.
class Router {
 public:
  /// All references outlive the router. With a successor, queries are encoded by both encoders
  /// until its policy serves.
  Router(RouterSettings settings, const env::ModelPool& pool, const env::Encoder& encoder,
         const env::TokenEstimator& tokens, const env::Encoder* successor = nullptr);

  const RouterSettings& settings() const { return settings_; }

  /// `decisions` counts those made before, the clock of the policies' schedules. Fails with
  /// invalid_argument where the query excludes every model (each one's reason in the message) or
  /// asks for weights out of bounds, with unavailable where the budget refuses it.
  Result<Routed> decide(const RouteRequest& request, const PublishedPolicy& policy,
                        std::uint64_t decisions, Timestamp now, Rng& rng) const;

  /// nullptr without a budget. It counts each decision that decide() makes; tell it of outcomes,
  /// and of decisions that were not served.
  BudgetPacer* pacer() const { return pacer_.get(); }

  /// Fills what a decision says of the request itself: features as `policy` takes them, weights,
  /// its text if it is kept.
  void describe(const RouteRequest& request, const PublishedPolicy& policy,
                Decision& decision) const;

 private:
  /// Of candidates: not allocated where there are no more than most have.
  template <class T>
  using Few = boost::container::small_vector<T, 16>;

  /// What the decision can be made among.
  struct Choice {
    Few<const env::ModelSpec*> models;
    Few<env::Candidate> views;  ///< of the models, for policies
    double input_tokens = 0;
    double output_tokens = 0;
    std::size_t baseline = 0;          ///< index into models
    std::vector<double> expected_usd;  ///< of the models; only with a budget

    void keep(const std::vector<std::size_t>& kept, std::vector<double> expected_usd_of_kept);
  };

  Result<env::Candidates> filter(const RouteRequest& request) const;
  Result<ObjectiveWeights> weights(const RouteRequest& request) const;
  Choice choice_among(const env::Candidates& candidates, const env::Query& query) const;
  bool ask_policy(const PublishedPolicy& policy, const env::Observation& observation, bool explain,
                  Routed& routed) const;
  Status ask_within_budget(const PublishedPolicy& policy, const env::Observation& observation,
                           bool explain, Rng& rng, Choice& choice, Routed& routed) const;
  void keep_model(const RouteRequest& request, const Choice& choice, Routed& routed) const;
  double share_of(const RouteRequest& request) const;
  void apply_mode(std::size_t baseline, double share, Rng& rng, Routed& routed) const;

  RouterSettings settings_;
  const env::ModelPool& pool_;
  const env::Encoder& encoder_;
  const env::TokenEstimator& tokens_;
  const env::Encoder* successor_;
  std::unique_ptr<BudgetPacer> pacer_;
};

/// Output tokens that an answer is taken to have before anything is known of it.
double expected_output_tokens(const env::Query& query);

/// The index drawn from `probabilities` (which sum to 1) by one number of `rng`.
std::size_t sample_index(std::span<const double> probabilities, Rng& rng);

}  // namespace yardmaster::agent
