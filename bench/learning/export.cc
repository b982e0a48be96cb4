// Writes what `yardmaster simulate` replays of a data set, for learners that are not ours: the
// encoded features, every model's outcome, and the order of the rows for each seed.
// Usage: learning_export OUTCOMES.jsonl ENCODER SEEDS OUTPUT CACHE, SEEDS their number, CACHE the
// folder in which a slow encoder keeps vectors.
//
// The output: a line of JSON {"models","price_references","rows","dimension","seeds","encoder",
// "encoder_version"}, then little-endian arrays without padding: features (rows x dimension
// float32), qualities and costs (rows x models float64 each; NaN: no outcome), orders (seeds x rows
// uint32: the row of each round).

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cmath>
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

/// The rows of all seeds' replays, one seed after the other.
Result<std::vector<std::uint32_t>> orders(const SimulationData& data, std::uint64_t seeds) {
  const auto world = agent::make_world(data, {});
  if (!world) return fail(world.error());
  std::vector<std::uint32_t> rows;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    agent::RowOrder order(data.rows(), 0, seed);
    for (std::size_t round = 0; round < data.rows(); ++round) {
      const auto row = order.next(*world, world->at(round));
      if (!row) return fail(row.error());
      rows.push_back(static_cast<std::uint32_t>(*row));
    }
  }
  return rows;
}

template <typename T>
void write_array(std::ostream& out, const std::vector<T>& values) {
  out.write(reinterpret_cast<const char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(T)));
}

void write_export(std::ostream& out, const SimulationData& data, std::uint64_t seeds,
                  const std::vector<std::uint32_t>& rows) {
  boost::json::object header;
  header["models"] = boost::json::array(data.models.begin(), data.models.end());
  header["price_references"] =
      boost::json::array(data.price_references.begin(), data.price_references.end());
  header["rows"] = data.rows();
  header["dimension"] = data.dimension;
  header["seeds"] = seeds;
  header["encoder"] = data.encoder;
  header["encoder_version"] = data.encoder_version;
  std::vector<double> qualities, costs;
  for (const SimulationData::Cell& cell : data.cells) {
    qualities.push_back(cell.present ? cell.quality.value_or(0) : NAN);
    costs.push_back(cell.present ? cell.cost_usd : NAN);
  }
  out << boost::json::serialize(header) << '\n';
  write_array(out, data.features);
  write_array(out, qualities);
  write_array(out, costs);
  write_array(out, rows);
}

int failed(const Error& error) {
  std::cerr << "learning_export: " << error.message << '\n';
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seeds = 0;
  const std::string seeds_text = argc > 3 ? argv[3] : "";
  std::from_chars(seeds_text.data(), seeds_text.data() + seeds_text.size(), seeds);
  if (argc != 6 || seeds == 0) {
    std::cerr << "usage: learning_export OUTCOMES.jsonl ENCODER SEEDS OUTPUT CACHE\n";
    return 2;
  }
  const auto encoder = env::make_encoder(argv[2], {.cache_directory = argv[5]});
  if (!encoder) return failed(encoder.error());
  const auto data = agent::load_simulation_data(argv[1], **encoder, kSilent);
  if (!data) return failed(data.error());
  const auto rows = orders(*data, seeds);
  if (!rows) return failed(rows.error());
  std::ofstream out(argv[4], std::ios::binary);
  write_export(out, *data, seeds, *rows);
  if (!out.flush()) return failed({ErrorCode::io, std::string("cannot write ") + argv[4]});
  return 0;
}
