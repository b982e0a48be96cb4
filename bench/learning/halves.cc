// Learns from half of a data set's rows with every model's outcome, and writes what the policy then
// expects of each model on the other half.
// Usage: learning_halves OUTCOMES.jsonl ENCODER POLICY SPLITS OUTPUT
//
// Split s takes the rows in the order of seed s of `yardmaster simulate`: the first half is
// learned, the second scored. The output: a line of JSON {"models","policy","rows"}, rows the
// number scored a split, then for each split the rows' numbers (uint32) and the expected qualities
// (rows x models float64), little-endian.

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "agent/simulation.h"
#include "agent/simulation/world.h"
#include "env/encoder.h"

namespace {

using namespace yardmaster;
using agent::SimulationData;

const agent::Progress kSilent = [](double) {};

struct Scored {
  std::vector<std::uint32_t> rows;
  std::vector<double> qualities;  ///< rows x models
};

Status learn(const SimulationData& data, const std::vector<std::size_t>& rows,
             policies::Learner& learner) {
  std::uint64_t sequence = 0;
  for (const std::size_t row : rows) {
    TrainingRow full = agent::full_training_row(data, row, {});
    full.sequence = full.decision_sequence = ++sequence;
    if (auto done = learner.learn(full); !done) return done;
  }
  return {};
}

Result<Scored> run_split(const SimulationData& data, const agent::World& world,
                         std::string_view policy, std::uint64_t split) {
  agent::RowOrder order(data.rows(), data.rows() / 2, split);
  policies::PolicyOptions options;
  options.dimension = data.dimension;
  options.seed = split;
  options.models = data.models;
  auto learner = policies::make_learner(policy, options);
  if (!learner) return fail(learner.error());
  if (auto done = learn(data, order.warm_rows(), **learner); !done) return fail(done.error());

  std::vector<env::Candidate> candidates;
  for (std::size_t model = 0; model < data.models.size(); ++model) {
    candidates.push_back({data.models[model], data.price_references[model], 0});
  }
  std::vector<double> probabilities(candidates.size());
  std::vector<policies::Score> scores(candidates.size());
  Scored out;
  for (std::size_t i = data.rows() / 2; i < data.rows(); ++i) {
    const auto row = order.next(world, world.at(0));
    if (!row) return fail(row.error());
    const env::Observation observation{data.features_of(*row), candidates, {}, data.rows() / 2};
    auto scored = (*learner)->live().distribution(observation, probabilities, scores);
    if (!scored) return fail(scored.error());
    out.rows.push_back(static_cast<std::uint32_t>(*row));
    for (const policies::Score& score : scores) out.qualities.push_back(score.quality);
  }
  return out;
}

template <typename T>
void write_array(std::ostream& out, const std::vector<T>& values) {
  out.write(reinterpret_cast<const char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(T)));
}

Status write_splits(std::ostream& out, const SimulationData& data, std::string_view policy,
                    std::uint64_t splits) {
  const auto world = agent::make_world(data, {});
  if (!world) return fail(world.error());
  boost::json::object header;
  header["models"] = boost::json::array(data.models.begin(), data.models.end());
  header["policy"] = policy;
  header["rows"] = data.rows() - data.rows() / 2;
  out << boost::json::serialize(header) << '\n';
  for (std::uint64_t split = 0; split < splits; ++split) {
    const auto scored = run_split(data, *world, policy, split);
    if (!scored) return fail(scored.error());
    write_array(out, scored->rows);
    write_array(out, scored->qualities);
  }
  return {};
}

int failed(const Error& error) {
  std::cerr << "learning_halves: " << error.message << '\n';
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t splits = 0;
  const std::string splits_text = argc > 4 ? argv[4] : "";
  std::from_chars(splits_text.data(), splits_text.data() + splits_text.size(), splits);
  if (argc != 6 || splits == 0) {
    std::cerr << "usage: learning_halves OUTCOMES.jsonl ENCODER POLICY SPLITS OUTPUT\n";
    return 2;
  }
  const auto encoder = env::make_encoder(argv[2]);
  if (!encoder) return failed(encoder.error());
  const auto data = agent::load_simulation_data(argv[1], **encoder, kSilent);
  if (!data) return failed(data.error());
  std::ofstream out(argv[5], std::ios::binary);
  if (auto done = write_splits(out, *data, argv[3], splits); !done) return failed(done.error());
  if (!out.flush()) return failed({ErrorCode::io, std::string("cannot write ") + argv[5]});
  return 0;
}
