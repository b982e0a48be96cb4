// Saving and loading of LinearModel: a TensorArchive of the sums and covariances as they are, so
// that a loaded model continues bit for bit, rounding errors included.

#include <algorithm>
#include <cmath>
#include <sstream>

#include "policies/linear_model.h"

namespace yardmaster::policies {

namespace {

constexpr std::size_t kMostTraits = 10'000;
constexpr char kFormat[] = "yardmaster linear model 4";

std::string moment_name(std::size_t arm, std::size_t head) {
  return "moment" + std::to_string(arm) + "." + std::to_string(head);
}

std::string shared_name(std::size_t head, std::size_t level) {
  return "shared" + std::to_string(head) + "." + std::to_string(level);
}

std::string join(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += std::to_string(name.size()) + ':' + name;
  return out;
}

Result<std::vector<std::string>> split(const std::string& joined) {
  std::vector<std::string> out;
  std::istringstream in(joined);
  std::size_t size = 0;
  char colon = 0;
  while (in >> size) {
    if (!in.get(colon) || colon != ':' || size > joined.size()) break;
    std::string name(size, '\0');
    if (!in.read(name.data(), static_cast<std::streamsize>(size))) break;
    out.push_back(std::move(name));
  }
  if (join(out) != joined) return fail(ErrorCode::corrupt, "policy state: bad list of arms");
  return out;
}

/// What must be equal for a state to fit a model. Exact: doubles in hexadecimal.
std::string fingerprint(const LinearOptions& options) {
  std::ostringstream out;
  out << std::hexfloat << kFormat << '\n'
      << options.dimension << ' ' << options.half_life_decisions << ' ' << options.rebuild_rows
      << ' ' << options.prior.shared_intercept << ' ' << options.prior.shared_weight << ' '
      << options.prior.own_intercept << ' ' << options.prior.trait << ' '
      << options.prior.default_level << ' ' << options.prior.evidence_per_step;
  for (const double level : options.prior.own_weights) out << ' ' << level;
  return out.str();
}

/// `prior` with what may differ in a state that was learned with another: the numbers of the second
/// line of its fingerprint. Where they are none, the fingerprints differ all the same.
LinearPrior prior_of(const std::string& fingerprint, LinearPrior prior) {
  constexpr std::size_t kOwnIntercept = 5, kDefaultLevel = 7, kOwnWeights = 9;
  constexpr double kMostLevels = 1000;  // so that a damaged number can be cast
  std::istringstream words(fingerprint.substr(std::min(fingerprint.size(), sizeof kFormat)));
  std::vector<double> numbers;
  // Streams do not read hexadecimal numbers.
  for (std::string word; words >> word;) numbers.push_back(std::strtod(word.c_str(), nullptr));
  if (numbers.size() != kOwnWeights + prior.own_weights.size()) return prior;
  prior.own_intercept = numbers[kOwnIntercept];
  const double level = numbers[kDefaultLevel];
  if (level >= 0 && level < kMostLevels) prior.default_level = static_cast<std::size_t>(level);
  std::copy(numbers.begin() + kOwnWeights, numbers.end(), prior.own_weights.begin());
  return prior;
}

/// Which of `precisions` is nearest, by its ratio.
std::size_t nearest(const std::vector<double>& precisions, double precision) {
  const auto distance = [&](double other) { return std::abs(std::log(other / precision)); };
  const auto best = std::min_element(precisions.begin(), precisions.end(),
                                     [&](double a, double b) { return distance(a) < distance(b); });
  return static_cast<std::size_t>(best - precisions.begin());
}

/// Counts stay far below 2^53, so doubles hold them exactly.
std::uint64_t as_count(double value) {
  return value >= 0 && value < 0x1p53 ? static_cast<std::uint64_t>(value) : 0;
}

/// Numbers in the order in which they are written, checked when read.
class Numbers {
 public:
  Numbers() = default;
  explicit Numbers(std::span<const double> values) : values_(values.begin(), values.end()) {}

  void put(double value) { values_.push_back(value); }
  void put_count(std::uint64_t value) { values_.push_back(static_cast<double>(value)); }
  double take() { return next_ < values_.size() ? values_[next_++] : 0; }
  std::uint64_t take_count() { return as_count(take()); }

  DenseTensor tensor() const {
    auto out = DenseTensor::zeros({static_cast<std::int64_t>(values_.size())});
    std::copy(values_.begin(), values_.end(), out.data());
    return out;
  }

 private:
  std::vector<double> values_;
  std::size_t next_ = 0;
};

}  // namespace

Status LinearModel::save(std::ostream& out) const {
  TensorArchive archive;
  archive.put("fingerprint", fingerprint(options_));
  archive.put("names", join(names_));
  const std::size_t traits = designs_[0].shared_n() - n_;
  archive.put("traits", std::to_string(traits));
  Numbers numbers;
  numbers.put_count(clock_);
  numbers.put_count(reference_);
  numbers.put_count(rows_since_rebuild_);
  for (std::size_t head = 0; head < kHeads; ++head) {
    const HeadState& state = heads_[head];
    numbers.put_count(state.design);
    numbers.put_count(state.rows);
    for (std::size_t level = 0; level < state.evidence.size(); ++level) {
      const Evidence& fit = state.evidence[level];
      for (const double value : {fit.shape, fit.rate, fit.log_likelihood}) numbers.put(value);
      archive.put(shared_name(head, level), state.shared_mean[level]);
    }
  }
  for (std::size_t arm = 0; arm < arms_.size(); ++arm) {
    numbers.put(arms_[arm].price_reference);
    numbers.put_count(arms_[arm].born);
    for (const double trait : designs_[0].traits()[arm]) numbers.put(trait);
    for (std::size_t head = 0; head < kHeads; ++head) {
      const ArmHead& sums = arms_[arm].heads[head];
      numbers.put(sums.scale_sum);
      numbers.put(sums.scale_weight);
      for (const double value : sums.detector.state()) numbers.put(value);
      archive.put(moment_name(arm, head), sums.moment);
    }
  }
  archive.put("numbers", numbers.tensor());
  archive.put("designs", std::to_string(designs_.size()));
  for (std::size_t i = 0; i < designs_.size(); ++i) {
    designs_[i].put(archive, "design" + std::to_string(i));
  }
  return archive.write(out);
}

Status LinearModel::load(std::istream& in) {
  TensorArchive archive;
  if (auto read = archive.read(in); !read) return read;
  const auto stored = archive.bytes("fingerprint");
  if (!stored) return fail(stored.error());
  LinearOptions learned_with = options_;
  learned_with.prior = prior_of(*stored, options_.prior);
  if (*stored != fingerprint(learned_with)) {
    return fail(ErrorCode::unsupported,
                "policy state: saved by another version or with other options (features, "
                "half-life, priors); learn anew from the store");
  }
  LinearModel loaded(options_);
  if (auto restored = loaded.restore(archive); !restored) return restored;
  names_ = std::move(loaded.names_);
  arms_ = std::move(loaded.arms_);
  designs_ = std::move(loaded.designs_);
  heads_ = std::move(loaded.heads_);
  clock_ = loaded.clock_;
  reference_ = loaded.reference_;
  rows_since_rebuild_ = loaded.rows_since_rebuild_;
  use_traits();
  if (*stored != fingerprint(options_)) change_prior(learned_with.prior);
  view_ = {};
  refresh_view();
  return {};
}

/// The sums do not depend on the prior. Noise and evidence stay as they were made; a level's are
/// those of the nearest one that there was.
void LinearModel::change_prior(const LinearPrior& before) {
  for (HeadState& head : heads_) {
    const std::vector<Evidence> known = head.evidence;
    for (std::size_t level = 0; level < head.evidence.size(); ++level) {
      head.evidence[level] = known[nearest(before.own_weights, options_.prior.own_weights[level])];
    }
  }
  rebuild();
}

Status LinearModel::restore(const TensorArchive& archive) {
  const auto joined = archive.bytes("names");
  if (!joined) return fail(joined.error());
  auto names = split(*joined);
  if (!names) return fail(names.error());
  const auto trait_text = archive.bytes("traits");
  if (!trait_text) return fail(trait_text.error());
  const auto traits = static_cast<std::size_t>(std::atoll(trait_text->c_str()));
  if (traits > kMostTraits) return fail(ErrorCode::corrupt, "policy state: bad number of traits");
  const std::size_t levels = designs_[0].levels();
  const std::size_t expected =
      3 + kHeads * (2 + 3 * levels) +
      names->size() * (2 + traits + (2 + ChangeDetector::kStateSize) * kHeads);
  const auto tensor = archive.tensor("numbers", expected);
  if (!tensor) return fail(tensor.error());
  const auto designs = archive.bytes("designs");
  if (!designs) return fail(designs.error());
  const std::size_t design_count = designs->size() == 1 ? std::size_t(designs->front() - '0') : 0;
  if (design_count < 1 || design_count > 9) {
    return fail(ErrorCode::corrupt, "policy state: bad number of designs");
  }

  names_ = std::move(*names);
  arms_.resize(names_.size());
  designs_.assign(design_count, PooledDesign(n_, traits, options_.prior));
  Numbers numbers(tensor->values());
  clock_ = numbers.take_count();
  reference_ = numbers.take_count();
  rows_since_rebuild_ = numbers.take_count();
  for (std::size_t head = 0; head < kHeads; ++head) {
    HeadState& state = heads_[head];
    state.design = numbers.take_count();
    if (state.design >= design_count) {
      return fail(ErrorCode::corrupt, "policy state: a head without a design");
    }
    state.rows = numbers.take_count();
    for (std::size_t level = 0; level < levels; ++level) {
      const double shape = numbers.take(), rate = numbers.take();
      state.evidence[level] = {shape, rate, numbers.take()};
      auto mean = archive.tensor(shared_name(head, level), designs_[0].shared_stride());
      if (!mean) return fail(mean.error());
      state.shared_mean[level] = std::move(*mean);
    }
  }
  PooledDesign::Traits of_arms(names_.size(), std::vector<double>(traits));
  auto restored = restore_arms(archive, of_arms, [&numbers] { return numbers.take(); });
  if (!restored) return restored;
  for (std::size_t i = 0; i < design_count; ++i) {
    auto taken = designs_[i].take(archive, "design" + std::to_string(i), of_arms);
    if (!taken) return taken;
  }
  return {};
}

Status LinearModel::restore_arms(const TensorArchive& archive, PooledDesign::Traits& traits,
                                 const std::function<double()>& next) {
  for (std::size_t arm = 0; arm < arms_.size(); ++arm) {
    arms_[arm].price_reference = next();
    arms_[arm].born = as_count(next());
    for (double& trait : traits[arm]) trait = next();
    for (std::size_t head = 0; head < kHeads; ++head) {
      ArmHead& sums = arms_[arm].heads[head];
      sums.scale_sum = next();
      sums.scale_weight = next();
      std::array<double, ChangeDetector::kStateSize> detector{};
      for (double& value : detector) value = next();
      sums.detector.restore(detector);
      auto moment = archive.tensor(moment_name(arm, head), 0);
      if (!moment) moment = archive.tensor(moment_name(arm, head), stride_);
      if (!moment) return fail(moment.error());
      sums.moment = std::move(*moment);
    }
  }
  return {};
}

}  // namespace yardmaster::policies
