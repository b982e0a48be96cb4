#include "agent/simulation/data.h"

#include <unordered_map>

namespace yardmaster::agent {

TrainingRow empty_training_row(const SimulationData& data, std::size_t row,
                               const ObjectiveWeights& weights) {
  TrainingRow out;
  out.features.encoder = data.encoder;
  out.features.version = data.encoder_version;
  const auto features = data.features_of(row);
  out.features.values.assign(features.begin(), features.end());
  out.weights = weights;
  return out;
}

TrainingRow full_training_row(const SimulationData& data, std::size_t row,
                              const ObjectiveWeights& weights) {
  TrainingRow out = empty_training_row(data, row, weights);
  for (std::size_t i = 0; i < data.models.size(); ++i) {
    const SimulationData::Cell& cell = data.cell(row, i);
    if (!cell.present) continue;
    out.outcomes.push_back(
        {data.models[i], 1, data.price_references[i], cell.quality, cell.cost_usd, cell.latency_s});
  }
  return out;
}

namespace {

/// Encodes queries some at a time, as slow encoders want them.
class FeatureMaker {
 public:
  FeatureMaker(const env::Encoder& encoder, SimulationData& data) : encoder_(encoder), data_(data) {
    data_.dimension = encoder.dimension();
    data_.encoder = encoder.name();
    data_.encoder_version = encoder.version();
  }

  void add(std::string_view text) {
    waiting_.push_back(env::query_from_text(text));
    if (waiting_.size() == kQueriesAtOnce) encode();
  }

  void encode() {
    std::vector<const env::Query*> queries;
    for (const env::Query& query : waiting_) queries.push_back(&query);
    const std::size_t values = queries.size() * data_.dimension;
    data_.features.resize(data_.features.size() + values);
    encoder_.encode_all(queries, std::span(data_.features).last(values));
    waiting_.clear();
  }

 private:
  static constexpr std::size_t kQueriesAtOnce = 64;

  const env::Encoder& encoder_;
  SimulationData& data_;
  std::vector<env::Query> waiting_;
};

}  // namespace

Result<SimulationData> load_simulation_data(const std::string& path, const env::Encoder& encoder,
                                            const Progress& progress) {
  auto reader = env::OutcomeReader::open(path);
  if (!reader) return fail(reader.error());
  auto known = env::read_models(path);
  if (!known) return fail(known.error());

  std::vector<env::OutcomeExample> examples;
  SimulationData data;
  std::unordered_map<std::string, std::size_t> index;
  FeatureMaker features(encoder, data);
  while (auto example = reader->next()) {
    for (const env::LoggedOutcome& outcome : example->outcomes) {
      if (index.emplace(outcome.model, data.models.size()).second) {
        data.models.push_back(outcome.model);
      }
    }
    features.add(example->query);
    example->query.clear();
    examples.push_back(std::move(*example));
    if (examples.size() % 64 == 0) {
      progress(static_cast<double>(reader->bytes_read()) /
               static_cast<double>(reader->file_bytes()));
    }
  }
  features.encode();
  data.refused = reader->refused();
  if (examples.empty()) {
    return fail(ErrorCode::invalid_argument,
                "outcome data '" + path + "' holds no usable line" +
                    (data.refused.empty() ? std::string("; it is empty")
                                          : "; line " + std::to_string(data.refused[0].line) +
                                                ": " + data.refused[0].reason));
  }
  data.price_references.assign(data.models.size(), 0);
  std::erase_if(*known, [&](const env::ModelSpec& model) { return !index.contains(model.name); });
  for (const env::ModelSpec& model : *known) {
    data.price_references[index[model.name]] = model.price_reference();
  }
  data.traits = env::ModelTraits(*known);
  data.cells.resize(examples.size() * data.models.size());
  for (std::size_t row = 0; row < examples.size(); ++row) {
    for (const env::LoggedOutcome& outcome : examples[row].outcomes) {
      data.cells[row * data.models.size() + index[outcome.model]] = {
          true, outcome.quality, outcome.cost_usd.value_or(0), outcome.latency_s};
    }
  }
  return data;
}

}  // namespace yardmaster::agent
