// Whether keeping a conversation's model pays: simulated conversations of 2 to 9 turns, whose
// prompts grow and now and then change their subject, served by the router and the default policy
// as they learn. `sessions_bench [SEEDS]` prints, for each way of choosing, the means over all
// turns with 95% intervals over seeds.
//
//   sessions   the daemon's default: a switch must gain more than the prompt cache that it loses
//   free       every turn is a choice of its own
//   never      a conversation never leaves the model of its first turn
//   sessions, cost 45 and so on: as `sessions`, by a policy to which money counts more than in the
//              reward that is printed: what sessions save is then taken as money, not as quality
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "agent/router.h"
#include "env/encoder.h"
#include "env/simulated_queries.h"
#include "env/simulated_world.h"
#include "policies/policy.h"

namespace {

using namespace yardmaster;

constexpr std::size_t kConversations = 1500;
constexpr double kDrift = 0.2;         // of a turn's subject
constexpr double kSystemTokens = 800;  // instructions and tools, in every prompt
constexpr double kBytesPerToken = 4;
constexpr ObjectiveWeights kWeights{30, 0};  // of the reward that is printed

struct Means {
  double reward = 0, quality = 0, cost_usd = 0, switches = 0;
};

env::ModelSpec priced(const char* name, double input) {
  env::ModelSpec model;
  model.name = name;
  model.input_usd_per_mtok = input;
  model.output_usd_per_mtok = 4 * input;
  model.cache_read_usd_per_mtok = 0.1 * input;  // as providers price it
  return model;
}

struct Way {
  const char* name;
  bool keeps;
  double switch_margin;
  double cost_weight;  ///< of the policy
};

/// One way of choosing, over the conversations of one seed.
class Replay {
 public:
  Replay(std::uint64_t seed, const Way& way) : world_(seed), rng_(seed), keeps_(way.keeps) {
    policies::PolicyOptions options;
    options.dimension = encoder_->dimension();
    options.seed = seed;
    for (const env::ModelSpec& model : pool_.models()) options.models.push_back(model.name);
    learner_ =
        std::move(policies::make_learner(std::string(policies::kDefaultPolicy), options).value());
    agent::RouterSettings settings;
    settings.name = "auto";
    settings.weights = {way.cost_weight, 0};
    settings.switch_margin = way.switch_margin;
    router_.emplace(settings, pool_, *encoder_, tokens_);
  }

  Means run(std::uint64_t seed) {
    Rng world(seed + 1000);  // the same conversations for every way of choosing
    for (std::size_t i = 0; i < kConversations; ++i) converse(seed, world);
    const auto turns = static_cast<double>(turns_);
    return {sum_.reward / turns, sum_.quality / turns, sum_.cost_usd / turns,
            sum_.switches / turns};
  }

 private:
  void converse(std::uint64_t seed, Rng& world) {
    const std::size_t length = 2 + world.below(8);
    std::string subject = env::simulated_query(seed, world.below(90'000));
    double prompt_tokens = kSystemTokens;
    std::optional<agent::SessionTurn> last;
    for (std::size_t turn = 0; turn < length; ++turn) {
      if (turn > 0 && world.uniform() < kDrift) {
        subject = env::simulated_query(seed, world.below(90'000));
      }
      env::Query query = env::query_from_text(subject);
      prompt_tokens += static_cast<double>(subject.size()) / kBytesPerToken + 150;
      query.prompt_bytes = static_cast<std::uint64_t>(prompt_tokens * kBytesPerToken);
      prompt_tokens += take_turn(query, subject + " " + std::to_string(turn), prompt_tokens, last);
    }
  }

  /// Returns the answer's tokens.
  double take_turn(const env::Query& query, const std::string& text, double prompt_tokens,
                   std::optional<agent::SessionTurn>& last) {
    agent::RouteRequest request;
    request.query = &query;
    request.session.given = "s";
    if (keeps_) request.last_turn = last;
    ++turns_;
    const auto routed = router_->decide(request, {learner_->snapshot(), turns_}, turns_,
                                        Timestamp(std::chrono::seconds(turns_)), rng_);
    const env::ModelSpec& model = *routed->model;
    const env::SimulatedOutcome outcome = world_.outcome(text, model);
    const bool stayed = last && last->model == model.name;
    const double cached = stayed ? static_cast<double>(last->prompt_tokens) : 0;
    const double cost =
        *model.cost_usd(prompt_tokens, outcome.output_tokens) - model.cache_saving_usd(cached);
    sum_.quality += outcome.quality;
    sum_.cost_usd += cost;
    sum_.reward += outcome.quality - kWeights.cost * cost;
    sum_.switches += last && !stayed ? 1 : 0;
    learn(*routed->decision, outcome.quality, cost);
    last = agent::SessionTurn{"auto", model.name, static_cast<std::uint64_t>(prompt_tokens),
                              {},     true,       ""};
    return outcome.output_tokens;
  }

  void learn(const Decision& decision, double quality, double cost) {
    TrainingRow row;
    row.sequence = row.decision_sequence = turns_;
    row.features = decision.features;
    row.weights = decision.weights;
    ArmOutcome arm;
    arm.model = decision.model();
    arm.propensity = decision.propensity();
    arm.price_reference = decision.price_reference;
    arm.quality = quality;
    arm.cost_usd = cost;
    row.outcomes.push_back(std::move(arm));
    if (const Status learned = learner_->learn(row); !learned) {
      std::fprintf(stderr, "%s\n", learned.error().message.c_str());
    }
  }

  env::ModelPool pool_ =
      env::ModelPool::make({priced("nano", 0.05), priced("mini", 0.25), priced("small", 0.8),
                            priced("medium", 2), priced("large", 5)})
          .value();
  std::unique_ptr<env::Encoder> encoder_ = std::move(env::make_encoder("static").value());
  env::TokenEstimator tokens_{pool_};
  env::SimulatedWorld world_;
  std::unique_ptr<policies::Learner> learner_;
  std::optional<agent::Router> router_;
  Rng rng_;
  const bool keeps_;
  std::uint64_t turns_ = 0;
  Means sum_;
};

/// Mean and half the width of the 95% interval, by a normal approximation.
std::pair<double, double> interval(const std::vector<Means>& runs, double Means::*part) {
  double mean = 0, square = 0;
  for (const Means& run : runs) mean += run.*part / static_cast<double>(runs.size());
  for (const Means& run : runs) square += (run.*part - mean) * (run.*part - mean);
  const auto count = static_cast<double>(runs.size());
  return {mean, count > 1 ? 1.96 * std::sqrt(square / (count - 1) / count) : 0};
}

}  // namespace

int main(int argc, char** argv) {
  const int seeds = argc > 1 ? std::atoi(argv[1]) : 5;
  std::printf("%-18s %16s %16s %22s %10s\n", "", "reward", "quality", "USD per 1,000 turns",
              "switches");
  constexpr double kNever = std::numeric_limits<double>::infinity();
  for (const Way& way :
       {Way{"sessions", true, 0.02, kWeights.cost}, Way{"free", false, 0, kWeights.cost},
        Way{"never", true, kNever, kWeights.cost}, Way{"sessions, cost 45", true, 0.02, 45},
        Way{"sessions, cost 60", true, 0.02, 60}, Way{"sessions, cost 90", true, 0.02, 90}}) {
    std::vector<Means> runs;
    for (int seed = 0; seed < seeds; ++seed) {
      const auto number = static_cast<std::uint64_t>(seed);
      runs.push_back(Replay(number, way).run(number));
    }
    const auto [reward, reward_half] = interval(runs, &Means::reward);
    const auto [quality, quality_half] = interval(runs, &Means::quality);
    const auto [cost, cost_half] = interval(runs, &Means::cost_usd);
    std::printf("%-18s %8.4f ± %.4f %8.4f ± %.4f %13.3f ± %.3f %9.1f%%\n", way.name, reward,
                reward_half, quality, quality_half, 1000 * cost, 1000 * cost_half,
                100 * interval(runs, &Means::switches).first);
  }
  return 0;
}
