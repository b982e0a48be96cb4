#include "policies/static_learner.h"

#include <algorithm>
#include <istream>
#include <ostream>

#include "policies/training_check.h"

namespace yardmaster::policies {

namespace {

constexpr std::string_view kFormat = "yardmaster arms 1";

class StaticLearner final : public Learner {
 public:
  StaticLearner(const PolicyOptions& options, std::shared_ptr<const Chooser> chooser,
                double exploration_floor)
      : dimension_(options.dimension),
        arms_(options.models),
        policy_(std::make_shared<StagedPolicy>(nullptr, std::move(chooser), exploration_floor)) {}

  Status learn(const TrainingRow& row) override {
    if (auto checked = check_training_row(row, dimension_); !checked) return checked;
    for (const ArmOutcome& outcome : row.outcomes) add_arm(outcome.model);
    return {};
  }

  const Policy& live() const override { return *policy_; }
  std::shared_ptr<const Policy> snapshot() const override { return policy_; }

  void add_arm(std::string_view model) override {
    if (std::find(arms_.begin(), arms_.end(), model) == arms_.end()) arms_.emplace_back(model);
  }
  void remove_arm(std::string_view model) override { std::erase(arms_, model); }
  std::vector<std::string> arms() const override { return arms_; }

  Status save(std::ostream& out) const override {
    out << kFormat << '\n' << arms_.size() << '\n';
    for (const std::string& arm : arms_) out << arm.size() << ' ' << arm << '\n';
    if (!out) return fail(ErrorCode::io, "policy state: the stream refused the write");
    return {};
  }

  Status load(std::istream& in) override {
    const auto corrupt = [] {
      return fail(ErrorCode::corrupt,
                  "policy state: not a list of arms; use an older snapshot or learn anew");
    };
    std::string format;
    std::size_t count = 0;
    if (!std::getline(in, format) || format != kFormat || !(in >> count)) return corrupt();
    std::vector<std::string> arms;
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t size = 0;
      if (!(in >> size) || in.get() != ' ' || size > 65536) return corrupt();
      std::string arm(size, '\0');
      if (!in.read(arm.data(), static_cast<std::streamsize>(size))) return corrupt();
      arms.push_back(std::move(arm));
    }
    arms_ = std::move(arms);
    return {};
  }

 private:
  std::size_t dimension_;
  std::vector<std::string> arms_;
  std::shared_ptr<const Policy> policy_;
};

}  // namespace

std::unique_ptr<Learner> make_static_learner(const PolicyOptions& options,
                                             std::shared_ptr<const Chooser> chooser,
                                             double exploration_floor) {
  return std::make_unique<StaticLearner>(options, std::move(chooser), exploration_floor);
}

}  // namespace yardmaster::policies
