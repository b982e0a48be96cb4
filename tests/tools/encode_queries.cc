// Writes an encoder's values for the lines of standard input, each a JSON string, as 32-bit floats
// to standard output, for scripts/check-encoders. Call: encode_queries ENCODER CACHE_DIRECTORY

#include <boost/json.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "env/encoder.h"

namespace {

constexpr std::size_t kBatch = 64;

}  // namespace

int main(int argc, char** argv) {
  using namespace yardmaster::env;
  if (argc != 3) {
    std::cerr << "call: encode_queries ENCODER CACHE_DIRECTORY < strings.jsonl\n";
    return 2;
  }
  const auto encoder = make_encoder(argv[1], {.cache_directory = argv[2]});
  if (!encoder) {
    std::cerr << encoder.error().message << '\n';
    return 1;
  }
  std::vector<Query> batch;
  const auto write_batch = [&] {
    std::vector<const Query*> queries;
    for (const Query& query : batch) queries.push_back(&query);
    std::vector<float> values(batch.size() * (*encoder)->dimension());
    (*encoder)->encode_all(queries, values);
    std::cout.write(reinterpret_cast<const char*>(values.data()),
                    static_cast<std::streamsize>(values.size() * sizeof(float)));
    batch.clear();
  };
  for (std::string line; std::getline(std::cin, line);) {
    const boost::json::value text = boost::json::parse(line);
    batch.push_back(query_from_text(std::string_view(text.as_string())));
    if (batch.size() == kBatch) write_batch();
  }
  write_batch();
}
